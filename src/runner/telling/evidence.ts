import type { EndReason } from '../../core/ends.ts'
import type { RunRecord } from '../../core/run.ts'

/**
 * The final reason, after a look at git. An agent that says "done" is not done when calls were denied and nothing was changed. A check
 * that gave its verdict and a dry run change nothing in any case.
 */
export function proven(reason: EndReason, { attempts, work, task }: RunRecord): EndReason {
  const last = attempts.at(-1)?.ended
  const isEmpty = work !== null && work.commits.length === 0 && work.files.length === 0
  const denied = last?.denied !== undefined && last.verdict === null && task.plan?.dryRun !== true
  return reason === 'completed' && denied && isEmpty ? 'denied' : reason
}
