import { end } from '../core/ends.ts'
import { type AttemptRecord, ownsRunId, type RunRecord } from '../core/run.ts'
import { isCommand } from './attempt-choice.ts'
import type { RunnerContext } from './context.ts'
import { untilAnswered } from './retry.ts'

/** The journal of another agent of this machine that has the run under the same id too; null for none. One of the two has lost it. */
export function sharedWith(record: RunRecord, { journal }: Pick<RunnerContext, 'journal'>): RunRecord | null {
  return record.task.runId !== null && ownsRunId(record) ? journal.sharedWith(record.runId) : null
}

/**
 * Lets go of a run that was found and that another agent of this machine has taken over meanwhile: its timeline, folder and worktree are that
 * one's now, so nothing is told there and nothing of it is touched but what works for this agent. Answers whether that was so.
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
  // In place nobody else works there, and the changes would be in everybody's way.
  const { workspace, runId, task, inherited } = record
  if (workspace?.kind === 'in-place') await workspaces.cleanup(workspace, { runId, task, inherited, agentId: identity.id }, false)
  journal.remove()
  return true
}

/**
 * The attempt of who had the run on this machine before, where its session can go on in our workspace with the same part of the plan; null
 * where it cannot. Of a run that is ours, and of which nothing lives any more.
 */
export function attemptTakenOver(record: RunRecord, part: number, context: RunnerContext): AttemptRecord | null {
  const before = sharedWith(record, context)
  const path = record.workspace!.path
  // A session belongs to its folder, and begins with what its role is.
  if (before?.workspace?.path !== path || before.agent.role !== record.agent.role) return null
  const spoken = before.attempts.findLast(attempt => !isCommand(attempt.part, before))
  if (spoken?.part !== part || (spoken.ended && end(spoken.ended.reason).session.startsWith('afresh'))) return null
  return context.agent.canResume(spoken.sessionId, path) ? spoken : null
}
