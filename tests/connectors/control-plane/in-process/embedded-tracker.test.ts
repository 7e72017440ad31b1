import { existsSync, mkdirSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { openBoard } from '../../../../src/board/board.ts'
import { openControlPlane } from '../../../../src/board/control-plane.ts'
import { openEmbedded } from '../../../../src/connectors/control-plane/in-process/embedded-tracker.ts'
import type { AgentIdentity } from '../../../../src/core/task.ts'
import { type TaskDraft, type TrackerFixture, trackerKeepsItsPromises } from '../../../contracts/tracker.ts'
import { boardProcess } from '../../../support/board-process.ts'
import { changeRows } from '../../../support/rows.ts'
import { tempFolder } from '../../../support/temp.ts'

const never = () => new AbortController().signal
const agent: AgentIdentity = { id: 'dev_1', role: 'backend_dev', level: 'senior' }

trackerKeepsItsPromises('the embedded control plane', async (drafts): Promise<TrackerFixture> => {
  const file = join(tempFolder(), 'agent-runner.db')
  const board = await openBoard(file)
  const trackers: ReturnType<typeof openEmbedded>[] = []
  const add = async ({ role = 'backend_dev', status = 'created', ...draft }: TaskDraft) =>
    (await board.addTask({ ...draft, role, status: status as 'created' })).id
  const ids: string[] = []
  for (const draft of drafts) ids.push(await add(draft))
  return {
    ids,
    tracker() {
      const tracker = openEmbedded(file)
      trackers.push(tracker)
      return tracker
    },
    add,
    statusOf: async id => (await board.showTask(id)).status,
    notesOf: async id => (await board.showTask(id)).notes,
    holderOf: async id => (await board.showTask(id)).lockedBy,
    move: async (id, status) => void (await board.moveTask(id, status)),
    // A holder on this machine has no lease that could expire; one is given to it, which is over.
    async expire(agentId) {
      const plane = await openControlPlane(file)
      await plane.queue.sweep()
      await changeRows(file, 'update runs set lease_until = 1 where agent_id = ? and finished_at is null', agentId)
      await plane.queue.sweep()
      await plane.close()
    },
    remove: id => changeRows(file, 'delete from tasks where id = ?', id),
    mention: (agentId, text, taskId) => board.addNote(taskId, `@${agentId} ${text}`, 'pm_1'),
    async close() {
      for (const tracker of trackers) tracker.close()
      board.close()
    },
  }
})

describe('the embedded tracker', () => {
  test('a file is opened at the first call, and its path is the address', async () => {
    const file = join(tempFolder(), 'below', 'agent-runner.db')
    const tracker = openEmbedded(file)
    expect(tracker.url).toBe(file)
    expect(existsSync(file)).toBe(false)
    await tracker.ping(never())
    expect(existsSync(file)).toBe(true)
    tracker.close()
  })

  test('a board that is handed in stays open when the tracker is closed', async () => {
    const board = await boardIn(tempFolder())
    const tracker = openEmbedded(board)
    expect(tracker.url).toBe(board.url)
    tracker.close()
    expect(await board.listTasks()).toEqual([])
  })

  test('a file that could not be opened is tried again at the next call', async () => {
    const folder = tempFolder()
    const file = join(folder, 'agent-runner.db')
    mkdirSync(file)
    const tracker = openEmbedded(file)
    await expect(tracker.ping(never())).rejects.toMatchObject({ code: 'STATE_UNUSABLE' })
    rmdirSync(file)
    await tracker.ping(never())
    tracker.close()
  })

  test('a task that asks for labels is for a runner that has them', async () => {
    const file = join(tempFolder(), 'agent-runner.db')
    const open = async (labels: string[]) => {
      const board = await openBoard(file, { labels })
      onTestFinished(() => board.close())
      return { board, tracker: openEmbedded(board) }
    }
    const [without, able] = [await open([]), await open(['gpu'])]
    const { id } = await able.board.addTask({ title: 'heavy', role: 'backend_dev', labels: ['gpu'] })
    expect(await without.tracker.look(agent, 0, never())).toBeNull()
    expect(await without.tracker.claim(agent, (await able.tracker.look(agent, 0, never()))!, 'run_1', never())).toBe('taken')
    expect((await able.tracker.look(agent, 0, never()))?.id).toBe(id)
  })

  test('a wait sees a task that is added through its own board', async () => {
    const board = await boardIn(tempFolder())
    const waiting = openEmbedded(board).look(agent, 20, never())
    await board.look(agent)
    const { id } = await board.addTask({ title: 'late', role: 'backend_dev' })
    expect((await waiting)?.id).toBe(id)
  })

  test('a wait ends when a dependency is finished', async () => {
    const board = await boardIn(tempFolder())
    const first = await board.addTask({ title: 'first', role: 'frontend_dev' })
    const second = await board.addTask({ title: 'second', role: 'backend_dev', dependsOn: [first.id] })
    const waiting = openEmbedded(board).look(agent, 20, never())
    await board.look(agent)
    await board.moveTask(first.id, 'dev_done')
    expect((await waiting)?.id).toBe(second.id)
  })

  test('waiting costs at most 0.5 % of a processor, however long the queue of others is', async () => {
    const folder = tempFolder()
    const board = await boardIn(folder)
    for (let i = 0; i < 50; i++) await board.addTask({ title: `for others ${i}`, role: 'frontend_dev' })
    const waiting = await boardProcess(board.url, 'wait', 'dev_1')
    waiting.go()
    const [share] = await waiting.ended()
    expect(Number(share)).toBeGreaterThan(0)
    expect(Number(share)).toBeLessThan(0.005)
  })

  test('the task that is shown holds what every tracker shows, and nothing of the board beside it', async () => {
    const board = await boardIn(tempFolder())
    const draft = {
      title: 'all',
      role: 'backend_dev',
      criteria: ['it works'],
      branch: 'feature/x',
      priority: 3,
      maxCostUsd: 1.5,
      model: 'haiku',
    }
    const { id } = await board.addTask(draft)
    expect(await openEmbedded(board).look(agent, 0, never())).toEqual({
      ...draft,
      id,
      description: '',
      seniority: 'junior',
      complexity: 'major',
      dependsOn: [],
      status: 'created',
      notes: '',
      runId: expect.stringMatching(/^run_/),
      plan: null,
    })
  })
})

async function boardIn(folder: string) {
  const board = await openBoard(join(folder, 'agent-runner.db'))
  onTestFinished(() => board.close())
  return board
}
