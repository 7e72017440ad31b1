import { type EndReason, end } from '../../core/ends.ts'
import type { Policy } from '../../core/policy.ts'
import type { AttemptEnd, AttemptRecord, RunRecord } from '../../core/run.ts'
import { isToStop, undelivered } from './wishes.ts'

/** What to do next in the agent step. */
export type AttemptChoice =
  /** Follow the attempt that has not ended, by the journal. */
  | { do: 'follow'; attempt: AttemptRecord }
  /** Start another one. */
  | { do: 'start'; part: number; session: 'first' | 'resume' | 'afresh'; after: EndReason | null }
  /** Do nothing until somebody resumes the run. */
  | { do: 'rest' }
  /** No further attempt: the reason stands. */
  | { do: 'finish'; reason: EndReason }

/** What a run has spent of its budgets, counted from what is on disk. */
export interface Spent {
  failures: number
  interruptions: number
  costUsd: number
  /** The cost is a lower bound, because an attempt was cut off. */
  costIsLeast: boolean
}

/** Counts attempts by the budget that the table charges them to, all of them or those of one part, and adds up the cost of all. */
export function spent(record: Pick<RunRecord, 'attempts'>, part?: number): Spent {
  const sum: Spent = { failures: 0, interruptions: 0, costUsd: 0, costIsLeast: false }
  for (const { ended, part: own } of record.attempts) {
    if (!ended) continue
    sum.costUsd += ended.costUsd
    sum.costIsLeast ||= ended.costIsLeast === true
    if (part !== undefined && part !== own) continue
    const { counts } = end(ended.reason)
    if (counts === 'failure') sum.failures++
    if (counts === 'interruption') sum.interruptions++
  }
  return sum
}

/** How many attempts in a row, up to the last one, ended because the surroundings failed; with `reason`, because of that one. */
function inARow({ attempts }: Pick<RunRecord, 'attempts'>, reason?: EndReason): number {
  const fails = (ended: AttemptEnd | null) =>
    ended !== null && (reason === undefined ? end(ended.reason).surroundings === 'fail' : ended.reason === reason)
  return attempts.length - 1 - attempts.findLastIndex(({ ended }) => !fails(ended))
}

/** The budget of a run in US dollars: the task's own, else the configured one; null for no limit. */
export function budgetUsd(record: Pick<RunRecord, 'task'>, policy: Pick<Policy, 'maxCostUsd'>): number | null {
  return record.task.maxCostUsd ?? policy.maxCostUsd
}

/** Whether a part of the task's plan is a shell command; otherwise the agent does it. */
export function isCommand(part: number, record: Pick<RunRecord, 'task'>): boolean {
  return record.task.plan?.parts?.[part]?.command != null
}

/** How many parts the task's plan has. */
export function partsOf(record: Pick<RunRecord, 'task'>): number {
  return record.task.plan?.parts?.length ?? 1
}

/** Decides from journal and policy alone, so that a new runner decides as the one that died would have. */
export function chooseAttempt(
  record: Pick<RunRecord, 'attempts' | 'task' | 'wishes' | 'paused'>,
  policy: Pick<Policy, 'maxAttempts' | 'maxInterruptions' | 'maxCostUsd' | 'outageTries'>,
): AttemptChoice {
  const last = record.attempts.at(-1)
  if (last && !last.ended) return { do: 'follow', attempt: last }
  if (isToStop(record)) return { do: 'finish', reason: 'ended_on_request' }
  if (record.paused) return { do: 'rest' }
  if (!last?.ended) return { do: 'start', part: 0, session: 'first', after: null }
  const { reason } = last.ended
  const row = end(reason)
  // A directive that came too late for the turn gets a turn of its own.
  if (row.next === 'report' && undelivered(record).length > 0) return { do: 'start', part: last.part, session: 'resume', after: 'directed' }
  // The next part begins where the last one stopped, with a budget of attempts of its own.
  if (row.next === 'report' && last.part + 1 < partsOf(record)) return { do: 'start', part: last.part + 1, session: 'resume', after: null }
  const finish = whyNoMore(last.ended, last.part, record, policy)
  if (finish !== null) return { do: 'finish', reason: finish }
  const resumes = row.session === 'resume' || (row.session === 'resume_once' && inARow(record, reason) <= 1)
  return { do: 'start', part: last.part, session: resumes ? 'resume' : 'afresh', after: reason }
}

/** The reason that stands, because after this end no attempt follows; null when one does. */
function whyNoMore(
  { reason }: AttemptEnd,
  part: number,
  record: Pick<RunRecord, 'attempts' | 'task'>,
  policy: Pick<Policy, 'maxAttempts' | 'maxInterruptions' | 'maxCostUsd' | 'outageTries'>,
): EndReason | null {
  const { next, session, surroundings, wait } = end(reason)
  if (next !== 'retry' && next !== 'wait' && next !== 'keep') return reason
  if (surroundings === 'fail' && wait === 'backoff' && inARow(record) >= policy.outageTries) return reason
  if (session === 'afresh_once' && inARow(record, reason) > 1) return reason
  const { failures, interruptions, costUsd } = spent(record, part)
  if (failures >= policy.maxAttempts || interruptions > policy.maxInterruptions) return reason
  const budget = budgetUsd(record, policy)
  return budget !== null && costUsd >= budget ? 'over_budget' : null
}
