import { asRunnerError } from '../core/errors.ts'
import type { RunRecord } from '../core/run.ts'
import type { RunnerContext } from './context.ts'

/** Keeps a run's lock alive at the tracker, and notices when the task is no longer ours. */
export interface Heartbeat {
  /** Fires when the task is lost; its reason is `cancelled` (it was ended there) or `lost`. */
  readonly lost: AbortSignal
  /** Resolves when no beat is under way any more. A late beat could take the task again after it was given back. */
  end(): Promise<void>
}

/**
 * Beats every `heartbeatMs` until ended, more often where the tracker needs it. With `atOnce` the first beat comes at once: nobody knows
 * for how long a run that was found had no runner. An unreachable tracker is no loss: the next beat asks again.
 */
export function startHeartbeat(record: RunRecord, context: RunnerContext, atOnce: boolean): Heartbeat {
  const lost = new AbortController()
  const over = new AbortController()
  const beating = beat(record, context, atOnce, lost, over.signal)
  return {
    lost: lost.signal,
    end: () => {
      over.abort()
      return beating
    },
  }
}

async function beat(record: RunRecord, context: RunnerContext, atOnce: boolean, lost: AbortController, over: AbortSignal): Promise<void> {
  const { tracker, identity, clock, policy } = context
  for (let first = atOnce; !over.aborted && !lost.signal.aborted; first = false) {
    if (!first) await clock.sleep(Math.min(policy.heartbeatMs, tracker.heartbeatMs ?? Number.POSITIVE_INFINITY), over).catch(() => {})
    if (over.aborted) return
    try {
      const holding = await tracker.heartbeat(identity, record.task, over)
      if (holding === 'ours') continue
      // Our lock has expired, for instance while the machine was asleep. If nobody else was quicker, we take the task again.
      if (holding === 'free' && (await tracker.claim(identity, record.task, record.runId, over)) === 'ours') {
        context.emit({ type: 'warning', message: 'the lock on the task had expired at the tracker and was taken again' }, record.runId)
        continue
      }
      lost.abort(holding === 'finished' || holding === 'gone' ? 'cancelled' : 'lost')
    } catch (thrown) {
      if (over.aborted) return
      const error = asRunnerError(thrown)
      context.emit({ type: 'warning', message: `heartbeat: ${error.message}`, advice: error.advice }, record.runId)
    }
  }
}
