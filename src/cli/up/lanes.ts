import type { Config } from '../../config/config.ts'
import { agentIdentity } from '../../config/identity.ts'
import type { Lanes } from '../../control-plane/api/context.ts'
import type { ControlPlane } from '../../control-plane/control-plane.ts'

/** Who asks for the lanes: the machine itself, whose projects belong to no customer. */
const HERE = { customer: '', name: 'lanes' }
/** How long one wait for a lane to take the run lasts before it is looked at again, in milliseconds. */
const LOOK_MS = 5_000

/** The agent ids of the lanes, and what the server asks of them. A lane takes what waits by itself; so to take one now is to see it taken. */
export function lanesOf(configs: Config[], alive: ReadonlySet<string>, plane: ControlPlane): Lanes {
  const identities = configs.map(config => agentIdentity(config))
  const board = plane.board({ everywhere: true })

  async function waiting(): Promise<string | null> {
    for (const identity of identities) {
      if (!alive.has(identity.id)) continue
      const task = await board.look(identity)
      if (task?.runId) return task.runId
    }
    return null
  }

  return {
    count: () => alive.size,
    async takeOne(signal) {
      const runId = await waiting()
      if (runId === null) return null
      while (!signal.aborted) {
        const mark = plane.mark()
        const { status } = await plane.runs.get(HERE, runId)
        if (status === 'RUNNING') return runId
        // Stopped or paused before a lane was free.
        if (status !== 'QUEUED' || alive.size === 0) return null
        await plane.changed(mark, LOOK_MS, signal).catch(() => {})
      }
      return null
    },
  }
}
