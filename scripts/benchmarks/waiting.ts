import { setTimeout as delay } from 'node:timers/promises'
import { startHeadlessPm } from '../../tests/support/headless-pm-server.ts'
import { waitFor } from '../../tests/support/wait-for.ts'
import { begin, end, hasProc, privateMemory, processesWith, processorTicks } from './program.ts'
import type { Row } from './row.ts'
import { Sandbox } from './sandbox.ts'

const SETTLE_MS = 5_000
const WATCH_SECONDS = 20

/** What a runner costs while it waits for a task at a PM and at the embedded board, and what a supervisor costs while its agent works. */
export async function waiting(program: string): Promise<Row[]> {
  if (!hasProc) return []
  const pm = await startHeadlessPm({ key: 'bench' })
  const settings = { HEADLESS_PM_API_URL: pm.url, HEADLESS_PM_API_KEY: 'bench' }
  const [remote, embedded, busy] = [new Sandbox(settings), new Sandbox(), new Sandbox()]
  const board = await busy.board()
  await board.addTask({ title: 'Sleep', description: 'please-sleep', role: 'backend_dev', seniority: 'senior', complexity: 'minor' })
  const runners = [
    begin([program, ...remote.runner('remote')], { cwd: remote.repo, env: remote.env }),
    begin([program, ...embedded.runner('embedded', '--tracker', 'embedded')], { cwd: embedded.repo, env: embedded.env }),
    begin([program, ...busy.runner('busy', '--tracker', 'embedded', '--single-task')], { cwd: busy.repo, env: busy.env }),
  ]
  for (const runner of runners) for (const stream of [runner.stdout!, runner.stderr!]) stream.resume()
  try {
    const supervisor = await waitFor('a supervisor', () => processesWith(busy.home)[0])
    await delay(SETTLE_MS)
    const pids = runners.slice(0, 2).map(runner => runner.pid!)
    const before = pids.map(processorTicks)
    await delay(WATCH_SECONDS * 1000)
    const rows = pids.flatMap((pid, index): Row[] => {
      const where = ['at a PM', 'at the embedded board'][index]
      const percent = (processorTicks(pid) - before[index]!) / WATCH_SECONDS
      return [
        {
          what: `a waiting runner ${where}: processor`,
          value: percent,
          unit: ' %',
          aim: 0.5,
          limit: 0.5,
          detail: `over ${WATCH_SECONDS} s`,
        },
        { what: `a waiting runner ${where}: private memory`, value: privateMemory(pid), unit: ' MB', aim: 60, limit: 60 },
      ]
    })
    return [...rows, { what: 'a supervisor: private memory', value: privateMemory(supervisor), unit: ' MB', aim: 20, limit: 20 }]
  } finally {
    // Twice: the first TERM would wait for the sleeping agent's task.
    runners[2]!.kill('SIGTERM')
    await Promise.all(runners.slice(0, 2).map(end))
    await end(runners[2]!)
    await board.close()
    await pm.close()
    for (const sandbox of [remote, embedded, busy]) sandbox.remove()
  }
}
