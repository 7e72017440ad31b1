import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { openBoard } from '../../src/board/board.ts'
import type { TaskSeen } from '../../src/cli/chaos/findings.ts'
import { type HeadlessPmServer, startHeadlessPm } from './headless-pm-server.ts'
import { addPmTask, boardForTasks, pmTaskSeen } from './pm-tasks.ts'

/** A tracker as a crash test sees it: from outside, through its own record. */
export interface CrashBoard {
  /** What the runner's environment must say to use it. */
  env: Record<string, string>
  add(title: string, complexity: 'major' | 'minor'): Promise<string>
  task(id: string): Promise<TaskSeen>
  /** Somebody else takes the task away. */
  takeAway(id: string): Promise<void>
}

const STEALER = { id: 'dev_999', role: 'backend_dev', level: 'principal' } as const

/** The embedded board in the state folder that the runner uses, opened by this process too. */
export async function embeddedBoard(home: string, project: string): Promise<CrashBoard> {
  const board = await openBoard(join(home, 'agent-runner.db'), { project })
  onTestFinished(() => board.close())
  return {
    env: {},
    add: async (title, complexity) => (await board.addTask({ title, role: 'backend_dev', complexity, description: 'All of it.' })).id,
    async task(id) {
      const { status, lockedBy, notes, history } = await board.showTask(id)
      return { status, holder: lockedBy, notes, moves: history.flatMap(line => line.to ?? []) }
    },
    async takeAway(id) {
      await board.moveTask(id, 'created')
      await board.claim(STEALER, id, 'run_stolen')
    },
  }
}

/** A Headless PM server of its own, which can be away and come back with all that it knew. */
export interface PmBoard extends CrashBoard {
  /** The server; another one after it was away. */
  readonly server: HeadlessPmServer
  goAway(): Promise<void>
  comeBack(): Promise<void>
}

export async function headlessPmBoard(): Promise<PmBoard> {
  const board = boardForTasks()
  let server = await startHeadlessPm({ key: 'key-of-the-test', board })
  let away = false
  onTestFinished(async () => {
    if (!away) await server.close()
  })
  const port = Number(new URL(server.url).port)
  return {
    get server() {
      return server
    },
    env: { HEADLESS_PM_API_URL: server.url, HEADLESS_PM_API_KEY: 'key-of-the-test' },
    add: async (title, complexity) => addPmTask(board, title, complexity),
    task: async id => pmTaskSeen(board, id),
    async takeAway(id) {
      board.register({ agent_id: STEALER.id, role: STEALER.role, level: STEALER.level })
      Object.assign(board.task(Number(id)), { status: 'under_work', locked_by: STEALER.id, locked_at: board.now() })
    },
    async goAway() {
      away = true
      await server.close()
    },
    async comeBack() {
      server = await startHeadlessPm({ key: 'key-of-the-test', board, port })
      away = false
    },
  }
}
