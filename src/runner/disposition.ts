import { type EndReason, end } from '../core/ends.ts'
import { rolePolicy } from '../core/policy.ts'
import type { Disposition } from '../core/run.ts'
import type { RunnerContext } from './context.ts'

/** What the tracker is told for a reason, by the table of ends and the role's policy. */
export function disposition(reason: EndReason, taskId: string, note: string, context: RunnerContext): Disposition {
  const { next } = end(reason)
  const role = rolePolicy(context.policy, context.identity.role)
  if (next === 'report') return { kind: 'report', reason, status: reason === 'sent_back' ? role.sentBack : role.done, note }
  // A task that nobody is to blame for goes back; one that comes back again and again would keep all others waiting.
  if (next === 'give_back' && context.patience.again(taskId)) return { kind: 'give_back', reason, note }
  if (next === 'stop') return { kind: 'stop', reason, note }
  if (next === 'abandon') return { kind: 'abandon', reason, note }
  // What would be tried again has used up its tries.
  return { kind: 'park', reason, note }
}
