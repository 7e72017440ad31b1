import { end } from '../core/ends.ts'
import { type AttemptRecord, ownsRunId, type RunRecord } from '../core/run.ts'
import { isCommand } from './attempts/attempt-choice.ts'
import type { RunnerContext } from './context.ts'
import { untilAnswered } from './retry.ts'

/** The journal of another agent of this machine that has the run under the same id too; null for none. One of the two has lost it. */
export function sharedWith(record: RunRecord, { journal }: Pick<RunnerContext, 'journal'>): RunRecord | null {
  return record.task.runId !== null && ownsRunId(record) ? journal.sharedWith(record.runId) : null
}

/**
 * Lets go of a run that was found and that another agent of this machine has taken over meanwhile. Timeline, folder and worktree belong
 * to that agent now, so nothing is announced there, and only what works for this agent is touched. Returns whether the run was taken
 * over.
 */
export async function letGoOfTakenOver(record: RunRecord, context: RunnerContext): Promise<boolean> {
  const other = sharedWith(record, context)
  if (other === null) return false
  const { tracker, identity, supervision, workspaces, journal, emit } = context
  const holding = await untilAnswered('asking who has the task', context, signal => tracker.holding(identity, record.task, signal))
  if (holding === 'ours' || holding === 'free') return false
  emit({
    type: 'recovered',
    decision: 'left_alone',
    message: `task ${record.task.id} was taken over by ${other.agent.id}: it is left to that agent`,
  })
  await supervision.sweep(record.runId)
  // In place, nobody else works there, and the changes would be in everybody's way.
  const { workspace, runId, task, inherited } = record
  if (workspace?.kind === 'in-place') await workspaces.cleanup(workspace, { runId, task, inherited, agentId: identity.id }, false)
  journal.remove()
  return true
}

/**
 * The attempt of the agent that had the run on this machine before, if its session can go on in our workspace with the same part of the
 * plan; null otherwise. Only for a run that is ours and of which nothing lives any more.
 */
export function attemptTakenOver(record: RunRecord, part: number, context: RunnerContext): AttemptRecord | null {
  const before = sharedWith(record, context)
  const path = record.workspace!.path
  // A session belongs to its folder, and begins with the text of its role.
  if (before?.workspace?.path !== path || before.agent.role !== record.agent.role) return null
  const spoken = before.attempts.findLast(attempt => !isCommand(attempt.part, before))
  if (spoken?.part !== part || (spoken.ended && end(spoken.ended.reason).session.startsWith('afresh'))) return null
  return context.agent.canResume(spoken.sessionId, path) ? spoken : null
}
