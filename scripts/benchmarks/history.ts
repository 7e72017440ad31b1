import { cpSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { run } from './program.ts'
import { type Row, sideBySide } from './row.ts'
import { Sandbox } from './sandbox.ts'

const FEW = 10
const MANY = 1_000
const draft = { description: 'Nothing to do.', role: 'backend_dev', seniority: 'senior', complexity: 'major' } as const

/** How the time of a task grows with the history: after 1,000 finished tasks ÷ after 10. */
export async function history(program: string): Promise<Row[]> {
  const [few, many] = [await withHistory(program, FEW), await withHistory(program, MANY)]
  try {
    const ms = await sideBySide(12, { few: () => oneTask(program, few), many: () => oneTask(program, many) })
    return [
      {
        what: `a task after ${MANY} finished tasks ÷ after ${FEW}`,
        value: ms.many / ms.few,
        unit: '',
        aim: 1.05,
        limit: 1.25,
        detail: `${ms.many.toFixed(0)} ms ÷ ${ms.few.toFixed(0)} ms`,
      },
    ]
  } finally {
    few.remove()
    many.remove()
  }
}

async function oneTask(program: string, sandbox: Sandbox): Promise<void> {
  const board = await sandbox.board()
  await board.addTask({ title: 'One more', ...draft })
  await board.close()
  await run([program, ...sandbox.runner('history', '--tracker', 'embedded', '--single-task')], { cwd: sandbox.repo, env: sandbox.env })
}

/** A sandbox in which that many tasks were done: on the board, as branches, and as folders of runs, which are copies of a real one. */
async function withHistory(program: string, tasks: number): Promise<Sandbox> {
  const sandbox = new Sandbox()
  await oneTask(program, sandbox)
  const runs = join(sandbox.home, 'runs')
  const [real] = readdirSync(runs)
  const board = await sandbox.board()
  const agent = { id: 'history', role: 'backend_dev', level: 'senior' } as const
  const branches: string[] = []
  const head = sandbox.git('rev-parse', 'HEAD').trim()
  await board.register(agent)
  for (let n = 1; n < tasks; n++) {
    const { id } = await board.addTask({ title: `Task ${n}`, ...draft })
    const runId = `${real!.slice(0, -4)}${n.toString().padStart(4, '0')}`
    await board.claim(agent, id, runId)
    await board.report(agent, id, { status: 'dev_done', note: `done\n\n${runId}`, runId })
    cpSync(join(runs, real!), join(runs, runId), { recursive: true })
    branches.push(`create refs/heads/feature/task-${id} ${head}\n`)
  }
  await board.close()
  sandbox.gitReading(branches.join(''), 'update-ref', '--stdin')
  return sandbox
}
