import type { TaskSeen } from '../../../src/cli/chaos/findings.ts'
import type { Chance } from '../../../src/cli/chaos/random.ts'
import type { Complexity } from '../../../src/core/task.ts'
import { type ProxyFault, startFaultProxy } from '../fault-proxy.ts'
import { startHeadlessPm } from '../headless-pm-server.ts'
import { addPmTask, boardForTasks, pmTaskSeen } from '../pm-tasks.ts'

/** How long a runner waits for an answer, in seconds: short, since some never come. */
const TIMEOUT_S = 2
const KEY = 'key-of-the-soak'

const FAULTS: ProxyFault[] = [
  'reset_before',
  'drop_after',
  'duplicate',
  'cut_after',
  'halve_after',
  'html',
  'other_json',
  'stale',
  'half_open',
  'silent_after',
  { retryAfterSeconds: 1 },
  { statusAfter: 500 },
  { statusAfter: 502 },
  { delayMs: 700 },
]

/** A PM on loopback to which the way fails. */
export interface FaultyPm {
  /** What the environment of its runners says. */
  env: NodeJS.ProcessEnv
  add(title: string, complexity: Complexity, description: string): string
  task(id: string): TaskSeen
  /** Tasks that nobody has taken yet. */
  waiting(): number
  requests(): number
  faults(): number
  /** From here on nothing fails any more. */
  heal(): void
  close(): Promise<void>
}

/** Starts it. `share` of the requests (0 to 1) goes wrong, in a way that chance picks. */
export async function startFaultyPm(chance: Chance, share: number): Promise<FaultyPm> {
  const board = boardForTasks()
  const server = await startHeadlessPm({ key: KEY, board })
  const proxy = await startFaultProxy(server.url)
  proxy.plan = () => (chance.happens(share) ? chance.pick(FAULTS) : 'forward')
  return {
    env: {
      HEADLESS_PM_TRACKER: 'headless-pm',
      HEADLESS_PM_API_URL: proxy.url,
      HEADLESS_PM_API_KEY: KEY,
      HEADLESS_PM_API_TIMEOUT: String(TIMEOUT_S),
    },
    add: (title, complexity, description) => addPmTask(board, title, complexity, description),
    task(id) {
      // A write that the way doubled moves a task once: the second one finds it moved. And who locked a task that was done just then has
      // to move it to open it again, since there is no unlock: those moves bear no note.
      const moves = board.changelog.filter(
        change => change.task_id === Number(id) && change.old_status !== change.new_status && change.notes !== null,
      )
      return { ...pmTaskSeen(board, id), moves: moves.map(change => change.new_status) }
    },
    waiting: () => board.tasks.filter(({ status }) => status === 'created').length,
    requests: () => proxy.calls.length,
    faults: () => proxy.calls.filter(({ fault }) => fault !== 'forward').length,
    heal() {
      proxy.plan = () => 'forward'
    },
    async close() {
      await proxy.close()
      await server.close()
    },
  }
}
