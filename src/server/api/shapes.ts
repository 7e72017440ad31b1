import { messageOf } from '../../board/events/event-message.ts'
import type { RunEvent } from '../../board/events/event-rows.ts'
import type { Project } from '../../board/projects/projects.ts'
import type { Worker } from '../../board/queue/workers.ts'
import type { Run } from '../../board/runs/run-rows.ts'
import type { BoardTask } from '../../board/tasks/task-rows.ts'
import type { WireEvent } from '../../contract/event.ts'
import type { Project as WireProject } from '../../contract/project.ts'
import type { WireRun } from '../../contract/run.ts'
import { taskState } from '../../contract/run-states.ts'
import type { WireTask } from '../../contract/task.ts'
import type { WireWorker } from '../../contract/worker.ts'
import { snakeKeys } from '../../core/key-case.ts'

/** A project as the API shows it. */
export function projectShape({ id, name, localPath, description, customer, maxRunning, createdAt, updatedAt }: Project): WireProject {
  return { id, name, local_path: localPath, description, customer, max_running: maxRunning, created_at: createdAt, updated_at: updatedAt }
}

/** A run as the API shows it. */
export function runShape(run: Run): WireRun {
  const { id, name, goal, options, metadata, status, attempt, model, branch, base, commits, epoch, error, tokens } = run
  return {
    id,
    project_id: run.projectId,
    task_id: run.taskId,
    name,
    goal,
    run_type: run.runType,
    options,
    metadata,
    steps: run.steps as Record<string, unknown>[] | null,
    status,
    current_iteration: run.currentIteration,
    attempt,
    worker_id: run.workerId,
    agent_id: run.agentId,
    session_id: run.sessionId,
    model,
    branch,
    base,
    commits: commits.map(({ sha, subject }) => ({ sha, subject })),
    diff_summary: run.diffSummary,
    tokens: tokens && { input: tokens.input, output: tokens.output, cache_read: tokens.cacheRead, cache_write: tokens.cacheWrite },
    cost_usd: run.costUsd,
    tool_calls: run.toolCalls,
    lease_until: run.leaseUntil,
    epoch,
    machine: run.machine,
    error,
    retry_of: run.retryOf,
    created_at: run.createdAt,
    started_at: run.startedAt,
    finished_at: run.finishedAt,
  }
}

/** A task as the API shows it. */
export function taskShape({ criteria, lockedAt: _at, repo: _repo, ...task }: BoardTask): WireTask {
  const status = task.status as WireTask['status']
  return { ...snakeKeys(task), acceptance_criteria: criteria, status, state: taskState(status) }
}

/** A worker as the API shows it. */
export function workerShape({ id, agentId, role, level, labels, host, currentRun, registeredAt, lastSeen }: Worker): WireWorker {
  return { id, agent_id: agentId, role, level, labels, host, current_run: currentRun, registered_at: registeredAt, last_seen: lastSeen }
}

/** An event as the API shows it. */
export function eventShape({ cursor, runId, projectId, seq, type, at, data }: RunEvent): WireEvent {
  const names = { id: cursor, created_at: at, payload: data, message: messageOf(type, data) }
  return { cursor, run_id: runId, project_id: projectId, seq, type, at, data, ...names }
}
