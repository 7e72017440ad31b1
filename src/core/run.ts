import type { EndReason } from './ends.ts'
import type { AgentIdentity, Task } from './task.ts'
import type { Wait } from './wait.ts'

/** The steps of a run in the order in which they are taken. The journal uses these names. */
export const STEPS = ['claim', 'preHook', 'workspace', 'agent', 'collect', 'report', 'postHook', 'cleanup', 'release'] as const
export type StepName = (typeof STEPS)[number]

/** One step in the journal. `finishedAt` null means: begun, and maybe interrupted. Times are ISO 8601 UTC. */
export interface StepRecord {
  name: StepName
  startedAt: string
  finishedAt: string | null
  /** One word for what came of it, for people. */
  result: string | null
  /** How often it has failed by its own fault; left out for never. */
  failures?: number | undefined
}

/** Who a process is. A pid alone proves nothing: pids are used again, also across reboots. */
export interface ProcessIdentity {
  bootId: string
  pid: number
  /** Start time as the system tells it (clock ticks since boot on Linux, a date text on macOS). */
  start: string
}

/** One start of the agent CLI. Its folder is `runs/{run}/attempts/{number}`. */
export interface AttemptRecord {
  number: number
  mode: 'fresh' | 'resume'
  sessionId: string
  model: string
  startedAt: string
  supervisor: ProcessIdentity | null
  /** Which part of the task's plan it does, from 0. */
  part: number
  /** Ids of the directives that its prompt carries. */
  directives: string[]
  /** Null while it runs. */
  ended: AttemptEnd | null
}

export interface Tokens {
  input: number
  output: number
  cacheRead: number
  cacheWrite: number
}

/** What an attempt came to, as the agent adapter reads it from stream and exit. */
export interface AttemptEnd {
  reason: EndReason
  /** What the agent said last, or what went wrong, in plain words. */
  text: string
  /** The structured verdict, when one was asked for and given. */
  verdict: Verdict | null
  sessionId: string | null
  model: string | null
  costUsd: number
  /** It was cut off: it cost this much or more. */
  costIsLeast?: true | undefined
  /** How many tool calls the permission mode denied; left out for none. */
  denied?: number | undefined
  /** What a person should know, one sentence each. */
  remarks?: string[] | undefined
  turns: number
  toolCalls: number
  tokens: Tokens
  durationMs: number
  /** Epoch milliseconds at which a usage limit ends; null when unknown or not limited. */
  resetsAt: number | null
  /** The usage limit is one of this model alone: other models of the account still work. */
  ofModelAlone?: true | undefined
}

/** What a checking role (QA) decides; the agent CLI holds it to the schema. */
export interface Verdict {
  outcome: 'pass' | 'send_back' | 'blocked'
  summary: string
  findings: string[]
}

export const WORKSPACE_KINDS = ['in-place', 'worktree', 'clone'] as const
export type WorkspaceKind = (typeof WORKSPACE_KINDS)[number]

/** Where an attempt works. */
export interface WorkspaceRecord {
  /** `clone`: a clone of the repository in the state folder, where git could make no worktree. */
  kind: WorkspaceKind
  /** The repository the task belongs to (its main checkout). */
  repo: string
  /** The working directory of the agent. */
  path: string
  /** The branch that is worked on; null on a detached HEAD or without git. */
  branch: string | null
  /** The commit that the work started from; null in a repository without commits or without git. */
  base: string | null
  /** In place: the tree of everything as it stood before the agent began, so that only the agent's changes are ours. */
  startTree: string | null
  /** In place: paths that the user had changed already; never committed by us. */
  dirtyAtStart: string[]
  /** The branch was there before; it is continued and never deleted. */
  continued: boolean
  /** Why it is not the kind that was asked for; null when it is. */
  fallback: string | null
  /** Identifies the workspace and its repository; left out where git has no part in it, and by older versions. */
  seal?: Seal | undefined
}

/**
 * What an exchanged workspace would lack: a text in its repository's git folder, and the numbers that the file system gave to both
 * folders.
 */
export interface Seal {
  text: string
  /** The git folder that all checkouts of the repository share. */
  repository: string
  repositoryNumber: string
  folderNumber: string
}

export interface Commit {
  sha: string
  subject: string
}

/** Lines added and removed; null for a binary file. */
export interface ChangedFile {
  path: string
  added: number | null
  removed: number | null
}

/** How many files were changed, and in them how many lines. */
export interface ChangeTotals {
  files: number
  added: number
  removed: number
}

/** All that was changed, also what is not listed. */
export function changeTotals({
  files,
  more,
}: {
  files: readonly Pick<ChangedFile, 'added' | 'removed'>[]
  more?: ChangeTotals | undefined
}): ChangeTotals {
  const total = { files: files.length + (more?.files ?? 0), added: more?.added ?? 0, removed: more?.removed ?? 0 }
  for (const { added, removed } of files) {
    total.added += added ?? 0
    total.removed += removed ?? 0
  }
  return total
}

/** What was done in a workspace, found by git and not by what the agent says. */
export interface WorkReport {
  branch: string | null
  commits: Commit[]
  /** At most as many as the limit `listedFiles`. */
  files: ChangedFile[]
  /** What `files` leaves out, when it does. */
  more?: ChangeTotals | undefined
  /** Unified diff from base to the end of the branch, cut at the configured size. */
  diff: string
  /** Refs under `refs/agent-runner/` that hold work which is on no branch. */
  rescued: string[]
  /** Things a person should know, one sentence each. */
  remarks: string[]
  /**
   * The workspace, or the repository itself, is no longer the one in which the work began, so the task is not done. Never written to the
   * disk.
   */
  replaced?: { what: 'workspace' | 'repository'; says: string } | undefined
}

/** The branch to name for a run: where its work was found or, before that, where it is to be. Null when the work is on no branch. */
export function branchOf(
  work: Pick<WorkReport, 'branch'> | null | undefined,
  workspace: Pick<WorkspaceRecord, 'branch'> | null | undefined,
) {
  return work ? work.branch : (workspace?.branch ?? null)
}

/** What the run tells the tracker at its end. */
export type Disposition = Decision & { note: string }

/** What is to happen to the task. */
export type Decision =
  | { kind: 'report'; reason: EndReason; status: string }
  | { kind: 'park' | 'give_back' | 'abandon' | 'stop'; reason: EndReason }

/** What somebody wants of a run that is under way, as the tracker told it. */
export interface Wish {
  id: string
  kind: 'pause' | 'resume' | 'stop' | 'directive'
  /** A directive's text; '' for the others. */
  text: string
  /** Whether a directive interrupts the agent or waits for the end of its turn. */
  mode: 'now' | 'turn_end'
}

/** Where another runner left the work on a task. */
export interface InheritedPlace {
  path: string
  branch: string | null
}

/** The journal of one run: all that is needed to go on after any death. Kept in the agent's lock file. */
export interface RunRecord {
  version: 1
  runId: string
  agent: AgentIdentity
  task: Task
  /** Which tracker the task came from; another one must not go on with it. */
  tracker: { name: string; url: string }
  lockedAt: string
  steps: StepRecord[]
  attempts: AttemptRecord[]
  workspace: WorkspaceRecord | null
  work: WorkReport | null
  disposition: Disposition | null
  /** No attempt starts before this is over (usage limit, backoff); null for at once. */
  notBefore: Wait | null
  /** Mentions that went into the prompt; marked read once the agent has started. */
  mentions: string[]
  /** Wishes in the order in which they were taken. A directive is delivered once an attempt carries it. */
  wishes: Wish[]
  paused: boolean
  /** A workspace that was left in place because work in it would be lost, or for a person to look at; null when none. */
  kept: string | null
  /** A place where an older runner worked on this task, from its lock file; null for runs of our own. */
  inherited: InheritedPlace | null
}

/**
 * Whether everything with the run's id on this machine (timeline, folder, processes) belongs to this record. A tracker may hand out its
 * own run ids, and until a claim is proven, another agent may hold the task under the same id.
 */
export function ownsRunId({ steps, task }: Pick<RunRecord, 'steps' | 'task'>): boolean {
  return task.runId === null || steps.some(step => step.name === 'preHook')
}

/**
 * Marks a process as one of an agent in one state folder (its real path), since two folders of a machine may have agents of the same id.
 * The mark is one word, since not every system tells where an entry of an environment ends.
 */
export function agentMark(agentId: string, home: string): string {
  return `${agentId}@${encodeURI(home)}`
}
