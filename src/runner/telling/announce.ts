import type { StampedEvent } from '../../core/event.ts'
import { modelFor } from '../../core/policy.ts'
import { branchOf, type RunRecord } from '../../core/run.ts'
import { spent } from '../attempts/attempt-choice.ts'
import type { RunnerContext } from '../context.ts'

/** Announces the task that the runner works on now, newly taken or found again. */
export function announceTask(record: RunRecord, context: RunnerContext): void {
  const model = modelFor(context.policy.models, record.task, context.identity.role)
  context.emit({ type: 'task_taken', task: record.task, model }, record.runId)
}

/** Whether the end was announced since the task was last taken. A run that was given back and taken again keeps its id. */
function isTold(events: StampedEvent[]): boolean {
  const taken = events.findLastIndex(event => event.type === 'step_started' && event.step === 'claim')
  return events.findLastIndex(event => event.type === 'run_finished') > taken
}

/** The task's status at the tracker now; null when somebody else decides it. */
function statusAfter({ disposition, task }: RunRecord): string | null {
  if (disposition?.kind === 'report') return disposition.status
  if (disposition?.kind === 'park') return 'pending'
  return disposition?.kind === 'give_back' ? task.status : null
}

/** Announces the end, for people and for `status`: writes the last event and `result.json`. */
export function announceEnd(record: RunRecord, context: Pick<RunnerContext, 'clock' | 'identity' | 'files' | 'emit'>): void {
  const { disposition, work, workspace, task, runId, kept } = record
  // An interrupted release is repeated, but the end is announced once.
  if (isTold(context.files.events(runId))) return
  const reason = disposition!.reason
  const status = statusAfter(record)
  const durationMs = context.clock.now() - Date.parse(record.lockedAt)
  const { costUsd, costIsLeast } = spent(record)
  const least = costIsLeast ? ({ costIsLeast } as const) : {}
  const result = {
    run_id: runId,
    agent_id: context.identity.id,
    task_id: task.id,
    title: task.title,
    reason,
    status,
    branch: branchOf(work, workspace),
    kept,
    rescued: work?.rescued ?? [],
    finished_at: new Date(context.clock.now()).toISOString(),
    cost_usd: costUsd,
    cost_is_least: costIsLeast,
    duration_ms: durationMs,
    note: disposition!.note,
  }
  context.files.write(runId, 'result.json', `${JSON.stringify(result, null, 2)}\n`)
  context.emit({ type: 'run_finished', reason, status, durationMs, costUsd, ...least, note: disposition!.note, kept, work }, runId)
}
