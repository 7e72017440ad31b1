import { statSync } from 'node:fs'
import type { ControlPlane } from '../../board/control-plane.ts'
import type { Config } from '../../config/config.ts'
import { agentIdentity } from '../../config/identity.ts'
import type { Lanes, Taking } from '../../server/api/context.ts'

/**
 * The lanes ask in the name of the machine itself, whose projects belong to no customer. Paths of a customer's projects are paths on its
 * own machines.
 */
const HERE = { customer: '', name: 'lanes' }
/** How long a free lane may need to take a run, in milliseconds: it may just be ending another one, or be at its health check. */
const MOST_MS = 10_000

/**
 * The agent ids of the lanes, and what the server asks of them. A lane takes waiting runs by itself, so "take now" only waits until it
 * has happened.
 */
export function lanesOf(configs: Config[], alive: ReadonlySet<string>, plane: ControlPlane): Lanes {
  const claimers = configs.map(config => ({ ...agentIdentity(config), labels: config.values.labels }))

  async function waiting(): Promise<string | null> {
    for (const claimer of claimers) {
      if (!alive.has(claimer.id)) continue
      const task = await plane.queue.look(HERE, claimer)
      if (task?.runId) return task.runId
    }
    return null
  }

  /** The result for a run that was waiting; null as long as it is not known. */
  async function lookAt(runId: string, isLate: boolean): Promise<Taking | null> {
    const { status } = await plane.runs.get(HERE, runId)
    if (status === 'RUNNING') return { runId }
    // Stopped or paused meanwhile.
    if (status !== 'QUEUED') return { runId: null }
    if (alive.size === 0) return { refusal: `no lane is left that could take ${runId}` }
    if ((await plane.workers.busy(HERE, [...alive])) >= alive.size)
      return { refusal: `all lanes are busy; ${runId} is taken as soon as one is free` }
    return isLate ? { refusal: `no lane has taken ${runId} yet; their log says what they wait for` } : null
  }

  return {
    checkSeconds: configs[0]!.values.taskCheckInterval,
    refusalOf(localPath) {
      const found = statSync(localPath, { throwIfNoEntry: false })
      if (!found) return 'is not there on this machine'
      return found.isDirectory() ? null : 'is not a folder'
    },
    count: () => alive.size,
    async takeOne(signal) {
      const runId = await waiting()
      if (runId === null) return { runId: null }
      const until = performance.now() + MOST_MS
      for (;;) {
        const mark = plane.mark()
        const left = until - performance.now()
        const taking = await lookAt(runId, left <= 0 || signal.aborted)
        if (taking) return taking
        await plane.changed(mark, left, signal).catch(() => {})
      }
    },
  }
}
