import type { InheritedPlace, WorkReport, WorkspaceKind, WorkspaceRecord } from '../run.ts'
import type { Task } from '../task.ts'

export interface WorkspaceRequest {
  runId: string
  task: Task
  agentId: string
  /** Where an older runner worked on this task: continued when it is a worktree of this repository. */
  inherited: InheritedPlace | null
}

/** Prepares, reads and removes the places where attempts work. Uncommitted work is never deleted. */
export interface Workspaces {
  /**
   * Loads what `prepare` will need and looks at the repository, so that `prepare` takes less time. Never fails: `prepare` will say what
   * is wrong.
   */
  ready(request: WorkspaceRequest): Promise<void>
  /** What `prepare` would do, for --dry-run; touches nothing. */
  plan(
    request: WorkspaceRequest,
  ): Promise<{ kind: WorkspaceKind; path: string; branch: string | null; base: string | null; remark: string | null }>
  /**
   * A fresh or continued workspace. Repeating it after an interruption mends and returns the same one. Throws RunnerError GIT_FAILED with
   * the reason. When `hurry` fires, long work is cut short. Whoever fires it ends the run's processes too, because git waits for its
   * hooks.
   */
  prepare(request: WorkspaceRequest, hurry?: AbortSignal): Promise<WorkspaceRecord>
  /** The workspace for one more attempt: as it is, or, where somebody removed the folder of a worktree, made anew with what is on its branch. Throws GIT_FAILED. */
  restore(workspace: WorkspaceRecord, request: WorkspaceRequest): Promise<WorkspaceRecord>
  /**
   * What was done. After a success what the agent left uncommitted is committed on the task's branch (the user's own
   * changes never are); otherwise it is kept where it is. Safe to repeat.
   */
  collect(workspace: WorkspaceRecord, request: WorkspaceRequest, success: boolean): Promise<WorkReport>
  /** What a run has changed until now, as a diff; null when that cannot be told. Nothing in the workspace changes. */
  diffSoFar(workspace: WorkspaceRecord, request: WorkspaceRequest): Promise<string | null>
  /**
   * Lets go of the workspace: a worktree is removed only when nothing in it can be lost, and only after a success; a failed
   * task's worktree stays; in place, a failed task's changes move to `refs/agent-runner/` so that the next task starts clean. With
   * `mayVanish` a worktree in which nothing was done is removed in any case, together with the branch that was made for it.
   */
  cleanup(
    workspace: WorkspaceRecord,
    request: WorkspaceRequest,
    success: boolean,
    mayVanish?: boolean,
  ): Promise<{ kept: string | null; rescued: string[] }>
}
