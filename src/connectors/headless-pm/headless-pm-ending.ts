import { RunnerError } from '../../core/errors.ts'
import type { Report } from '../../core/ports/tracker.ts'
import type { AgentIdentity, Task } from '../../core/task.ts'
import type { HeadlessPmClaims } from './headless-pm-claim.ts'
import type { HeadlessPmTasks } from './headless-pm-tasks.ts'
import type { WireTask } from './headless-pm-wire.ts'

/**
 * Ends a run at the server: status, note and open lock in one write, once. The status write replaces the notes, so what is there goes
 * along; a comment beside it could appear twice. `fallback` is written when the server has no such status. The server writes whatever it
 * is told, without any condition: if somebody takes the task or writes on it between our last look and this write, that is overwritten.
 * The notes of their status write stay in the server's change log, and their next call finds the task finished.
 */
export async function endTask(
  tasks: HeadlessPmTasks,
  claims: HeadlessPmClaims,
  agent: AgentIdentity,
  task: Task,
  report: Report & { fallback?: string },
  signal: AbortSignal,
): Promise<'reported' | 'lost'> {
  const found = await tasks.find(task, 'under_work', signal)
  // The answer to an earlier try may have been lost: look before writing again.
  if (carriesRun(found?.notes, report.runId)) return 'reported'
  const now = found && (await provenOurs(found))
  if (!now) return (await wasReported()) ? 'reported' : 'lost'
  const entry = `${agent.id}: ${withRun(report.note, report.runId)}`
  const notes = now.notes ? `${now.notes}\n\n${entry}` : entry
  let written = await tasks.write(agent, task, { status: report.status, notes }, signal)
  if (written === 'unknown_status' && report.fallback) written = await tasks.write(agent, task, { status: report.fallback, notes }, signal)
  if (written === 'unknown_status') throw new RunnerError('TRACKER_REFUSED', `the PM server knows no status "${report.status}"`)
  return written ? 'reported' : 'lost'

  /** The task when it is ours, or ours again: a lock that expired during the work, or a claim that was cut off before `under_work`. */
  async function provenOurs(seen: WireTask): Promise<WireTask | null> {
    const stands = await claims.stands(agent, task, seen, signal)
    if (stands !== 'free') return stands === 'ours' ? seen : null
    if (seen.status !== 'under_work' && seen.locked_by !== agent.id) return null
    if ((await claims.claim(agent, task, signal)) !== 'ours') return null
    // Taking it again lasts a while, so notes that were written meanwhile go along too.
    return await tasks.find(task, 'under_work', signal)
  }

  /** Whoever took the task after our report may have replaced the notes; the change log still has ours. */
  async function wasReported(): Promise<boolean> {
    const ours = (await tasks.changes(signal)).filter(change => change.task_id === task.id && change.changed_by === agent.id)
    return ours.some(change => carriesRun(change.notes, report.runId))
  }
}

/** Whether a line of the notes ends with the run's id, whatever Markdown surrounds it. */
function carriesRun(notes: string | null | undefined, runId: string): boolean {
  return new RegExp(`\\b${RegExp.escape(runId)}\\W*$`, 'm').test(notes ?? '')
}

function withRun(note: string, runId: string): string {
  return carriesRun(note, runId) ? note : `${note}\n\n${runId}`
}
