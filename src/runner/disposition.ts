import { type EndReason, end } from '../core/ends.ts'
import { rolePolicy } from '../core/policy.ts'
import type { Disposition, RunRecord } from '../core/run.ts'
import type { RunnerContext } from './context.ts'

/** What the tracker is told for a reason, by the table of ends and the role's policy. */
export function disposition(reason: EndReason, record: RunRecord, note: string, context: RunnerContext): Disposition {
  const { next, claiming } = end(reason)
  const role = rolePolicy(context.policy, context.identity.role)
  if (next === 'report') return { kind: 'report', reason, status: reason === 'sent_back' ? role.sentBack : role.done, note }
  // A task that nobody is to blame for goes back; one that comes back again and again would keep all others waiting. Where the runner
  // itself takes no more, for want of a login or of the CLI, the task has nothing to do with it.
  if (next === 'give_back' && (claiming === 'stops' || context.patience.again(record.task.id, record.lockedAt)))
    return { kind: 'give_back', reason, note }
  if (next === 'stop') return { kind: 'stop', reason, note }
  if (next === 'abandon') return { kind: 'abandon', reason, note }
  // What would be tried again has used up its tries.
  return { kind: 'park', reason, note }
}
