import { outagePause } from '../../core/backoff.ts'
import { type EndReason, end } from '../../core/ends.ts'
import { keepsFromTasks } from '../../core/outage.ts'
import { rolePolicy } from '../../core/policy.ts'
import type { Decision, RunRecord } from '../../core/run.ts'
import type { RunnerContext } from '../context.ts'
import { isCommand } from './attempt-choice.ts'

/**
 * Decides what happens to the task for a reason, by the table of ends and the role's policy. `said`: the words of an end that did not
 * come from an attempt.
 */
export function disposition(reason: EndReason, record: RunRecord, said: string, context: RunnerContext): Decision {
  const { next, claiming, surroundings } = end(reason)
  const role = rolePolicy(context.policy, context.identity.role)
  if (next === 'report') return { kind: 'report', reason, status: reason === 'sent_back' ? role.sentBack : role.done }
  // A task that is not to blame goes back, but one that comes back again and again would keep all others waiting. When the runner itself
  // stops taking tasks, because login or CLI are missing, that does not count against the task.
  if (next === 'give_back' && (claiming === 'stops' || context.patience.again(record.task.id, record.lockedAt)))
    return { kind: 'give_back', reason }
  // The surroundings fail, and this runner does not wait for them.
  if (next === 'wait') return { kind: 'give_back', reason }
  if (surroundings === 'unclear' && isOneOfSeveral(reason, record, said, context)) return { kind: 'give_back', reason }
  if (next === 'stop') return { kind: 'stop', reason }
  if (next === 'abandon') return { kind: 'abandon', reason }
  // The task would be tried again, but its tries are used up.
  return { kind: 'park', reason }
}

/**
 * Whether tasks end alike, one after the other, before anything was done: then the task is not to blame. If it is handed out again and
 * again all the same, it uses up its give-backs.
 */
function isOneOfSeveral(reason: EndReason, record: RunRecord, words: string, { breaker, patience, random }: RunnerContext): boolean {
  if (record.attempts.some(attempt => (attempt.ended?.toolCalls ?? 0) > 0 || isCommand(attempt.part, record))) return false
  const said = record.attempts.at(-1)?.ended?.text ?? words
  const outage = breaker.failed({ reason, said, taskId: record.task.id }, n => outagePause(n, random()))
  return keepsFromTasks(outage) && patience.again(record.task.id, record.lockedAt)
}
