import { setTimeout as delay } from 'node:timers/promises'
import { begin, end, hasProc, privateMemory } from './program.ts'
import { median, type Row } from './row.ts'
import { Sandbox } from './sandbox.ts'

const EARLY = 20
const LATE = 200
/** Readings are taken while this many tasks go by, since the memory breathes with each. */
const WINDOW = 10
/** How long the runner then waits for work before it is looked at once more. */
const REST_MS = 10_000

/** Private memory of a runner after 200 tasks ÷ after 20, and when it then has nothing to do. */
export async function memory(program: string): Promise<Row[]> {
  if (!hasProc) return []
  const sandbox = new Sandbox()
  const board = await sandbox.board()
  const draft = { description: 'Nothing to do.', role: 'backend_dev', seniority: 'senior', complexity: 'minor' } as const
  for (let n = 0; n < LATE + WINDOW; n++) await board.addTask({ title: `Task ${n}`, ...draft })
  const began = performance.now()
  const runner = begin([program, ...sandbox.runner('memory', '--tracker', 'embedded')], { cwd: sandbox.repo, env: sandbox.env })
  let words = ''
  for (const stream of [runner.stdout!, runner.stderr!])
    stream.on('data', chunk => {
      words = `${words}${chunk}`.slice(-2000)
    })
  let resting = 0
  const readings = { early: [] as number[], late: [] as number[] }
  try {
    for (let done = 0; done < LATE + WINDOW; ) {
      await delay(50)
      if (runner.exitCode !== null) throw new Error(`the runner ended early:\n${words}`)
      done = (await board.listTasks({ status: 'dev_done' })).length
      if (done >= EARLY && done < EARLY + WINDOW) readings.early.push(privateMemory(runner.pid!))
      if (done >= LATE && done < LATE + WINDOW) readings.late.push(privateMemory(runner.pid!))
      if (performance.now() - began > 120_000) throw new Error(`only ${done} tasks were done in two minutes:\n${words}`)
    }
    await delay(REST_MS)
    resting = privateMemory(runner.pid!)
  } finally {
    await end(runner)
    await board.close()
    sandbox.remove()
  }
  const [early, late] = [median(readings.early), median(readings.late)]
  const detail = `${late.toFixed(1)} MB ÷ ${early.toFixed(1)} MB`
  return [
    { what: `memory after ${LATE} tasks ÷ after ${EARLY}`, value: late / early, unit: '', aim: 1.1, limit: 1.15, detail },
    { what: `a waiting runner ${REST_MS / 1000} s after ${LATE} tasks: private memory`, value: resting, unit: ' MB', aim: 60, limit: 60 },
  ]
}
