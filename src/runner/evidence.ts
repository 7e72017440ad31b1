import type { EndReason } from '../core/ends.ts'
import type { RunRecord } from '../core/run.ts'

/**
 * The reason that stands once git was looked at. Done, although calls were denied and nothing came of it, is not done; a check that gave its
 * verdict, and a dry run, leave nothing behind in any case.
 */
export function proven(reason: EndReason, { attempts, work, task }: RunRecord): EndReason {
  const last = attempts.at(-1)?.ended
  const isEmpty = work !== null && work.commits.length === 0 && work.files.length === 0
  const denied = last?.denied !== undefined && last.verdict === null && task.plan?.dryRun !== true
  return reason === 'completed' && denied && isEmpty ? 'denied' : reason
}
