import type { Caller, ControlPlane } from '../../board/control-plane.ts'
import type { Holder } from '../../board/runs/endings.ts'
import type { Run } from '../../board/runs/run-rows.ts'
import type { WireHolder } from '../../contract/worker.ts'
import { RunnerError } from '../../core/errors.ts'

/**
 * Who speaks about a task. Fields that a worker leaves out come from the run that works on the task, or worked on it last: that is enough
 * for a worker that does one task at a time under a key of its own. Only the epoch distinguishes a worker that came back late from the
 * one that has taken over.
 */
export async function holderOf(plane: ControlPlane, caller: Caller, taskId: string, said: WireHolder): Promise<Holder> {
  const { agent_id: agentId, run_id: runId, epoch } = said
  if (agentId !== undefined && runId !== undefined && epoch !== undefined) return { agentId, runId, epoch }
  const run = await runOf(plane, caller, taskId, runId)
  if (!run || run.taskId !== taskId || run.agentId === null)
    throw new RunnerError('LEASE_LOST', `nobody works on ${taskId}`, { advice: 'Take it first: GET /api/v1/tasks/poll.' })
  return { agentId: agentId ?? run.agentId, runId: run.id, epoch: epoch ?? run.epoch }
}

/** The run that is named, or else the one that works on the task or worked on it last; null when there is none that the caller may see. */
async function runOf(plane: ControlPlane, caller: Caller, taskId: string, runId?: string): Promise<Run | null> {
  try {
    const task = await plane.tasks.get(caller, taskId)
    const known = runId ?? (task.lockedBy === null ? task.lastRunId : task.runId)
    return known === null ? null : await plane.runs.get(caller, known)
  } catch (error) {
    if (error instanceof RunnerError && (error.code === 'NOT_FOUND' || error.code === 'TASK_UNKNOWN')) return null
    throw error
  }
}
