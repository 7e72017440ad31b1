import type { EndReason } from './ends.ts'
import type { AgentEvent, StampedEvent } from './event.ts'
import type { AttemptEnd, InheritedPlace, ProcessIdentity, RunRecord, Wish, WorkReport, WorkspaceKind, WorkspaceRecord } from './run.ts'
import type { AgentIdentity, Mention, Task } from './task.ts'
import type { Wait } from './wait.ts'

/*
 * The small interfaces through which the runner reaches the outside. One outside thing is one port; one vendor is one
 * file behind it. Everything that waits takes an AbortSignal and rejects with an AbortError or RunnerError ABORTED.
 * Failures are RunnerErrors; adapters do not retry, the runner's one retry layer does (`kind: retry`).
 */

/** The state of a task from our point of view. */
export type Holding =
  /** Locked by this agent and under work. */
  | 'ours'
  /** Nobody holds it; it can be claimed (again). */
  | 'free'
  | 'someone_else'
  /** It has reached a status in which nobody works on it: done, parked or cancelled by someone. */
  | 'finished'
  /** The tracker no longer knows it. */
  | 'gone'

/** What is to be written on the task at the end of a run. */
export interface Report {
  /** The workflow word that the task moves to. */
  status: string
  /** Markdown for people; ends with the run id, by which a repeated report is recognised. */
  note: string
  runId: string
}

/** How a tracker steers a run that is under way. Only our own control plane does. */
export interface Steering {
  /**
   * The wishes for a run that are not among `known`, oldest first. Waits up to `waitSeconds` for one. The signal ends the wait
   * at once.
   */
  wanted(agent: AgentIdentity, task: Task, runId: string, known: string[], waitSeconds: number, signal: AbortSignal): Promise<Wish[]>
  /** Ends the run for good, as somebody requested, with a note. Same rules as `report`. */
  stopped(agent: AgentIdentity, task: Task, report: Omit<Report, 'status'>, signal: AbortSignal): Promise<'reported' | 'lost'>
}

/** Where a tracker keeps what happens in a run, for people to watch. Only our own control plane does. */
export interface Mirror {
  /** Adds events of a run, in order. Sending some again changes nothing. */
  publish(agent: AgentIdentity, runId: string, events: StampedEvent[], signal: AbortSignal): Promise<void>
  /** Keeps a text that belongs to the run (`diff.patch`, `result.json`); replaces one of the same name. */
  upload(agent: AgentIdentity, runId: string, name: string, text: string, signal: AbortSignal): Promise<void>
}

/** How a tracker's server answered over some time: requests that failed among them, and milliseconds until an answer. */
export interface AnswerTimes {
  requests: number
  failed: number
  meanMs: number
  mostMs: number
}

/** A PM API. Every write is safe to repeat: after a lost answer the adapter looks before it writes again. */
export interface Tracker {
  readonly name: string
  /** Where it is, for people and for the lock file: a URL or the board's file. */
  readonly url: string
  /** Registers the agent, or says that it is still alive. */
  register(agent: AgentIdentity, signal: AbortSignal): Promise<void>
  /**
   * The next task this agent could take, or null. Only looks: nothing is taken. Waits up to `waitSeconds` for one to
   * appear; 0 looks once. The signal ends the wait at once.
   */
  look(agent: AgentIdentity, waitSeconds: number, signal: AbortSignal): Promise<Task | null>
  /**
   * Takes the task for this agent and marks it under work. `ours` is proven by reading back. Claiming what is already
   * ours answers `ours`. Of two agents that claim at once exactly one gets `ours`.
   */
  claim(agent: AgentIdentity, task: Task, runId: string, signal: AbortSignal): Promise<'ours' | 'taken'>
  /** Asks the tracker again for the state of the task from this agent's point of view. */
  holding(agent: AgentIdentity, task: Task, signal: AbortSignal): Promise<Holding>
  /** Tells that the agent is alive and at work, so that its lock does not expire; returns the state of the task now. */
  heartbeat(agent: AgentIdentity, task: Task, signal: AbortSignal): Promise<Holding>
  /**
   * Moves the task to its end status with the note, and opens its lock. Exactly once as the tracker sees it: a report
   * of the same run that is there already answers `reported` and changes nothing. `lost`: no longer ours, nothing changed.
   */
  report(agent: AgentIdentity, task: Task, report: Report, signal: AbortSignal): Promise<'reported' | 'lost'>
  /** Opens the lock and restores the status in which the task was found, with a note. Same rules as `report`. */
  giveBack(agent: AgentIdentity, task: Task, report: Omit<Report, 'status'>, signal: AbortSignal): Promise<'reported' | 'lost'>
  /** Takes the task out of circulation (`pending`) with a note. Same rules as `report`. */
  park(agent: AgentIdentity, task: Task, report: Omit<Report, 'status'>, signal: AbortSignal): Promise<'reported' | 'lost'>
  /** Unread mentions of this agent, oldest first. */
  mentions(agent: AgentIdentity, signal: AbortSignal): Promise<Mention[]>
  /** Marks mentions read; unknown or read ones are no error. */
  markRead(agent: AgentIdentity, ids: string[], signal: AbortSignal): Promise<void>
  readonly steering?: Steering
  readonly mirror?: Mirror
  /** How its server has answered since this was asked last; left out where there is no server. */
  answerTimes?(): AnswerTimes
  /** The longest pause between heartbeats that keeps a lock, in milliseconds; left out when the configuration decides. */
  readonly heartbeatMs?: number
  /** One cheap call that shows that the tracker answers and accepts our key. Throws a RunnerError if not. */
  ping(signal: AbortSignal): Promise<void>
  close(): void
}

/** What one attempt of the agent CLI is to do. */
export interface AttemptPlan {
  mode: 'fresh' | 'resume'
  sessionId: string
  model: string
  /** US dollars left for this attempt; null for no limit. */
  maxCostUsd: number | null
  /** Ask for a structured verdict. */
  verdict: boolean
  /** Turns at most; null for no limit. */
  maxTurns: number | null
  /** Only say what would be done. */
  dryRun: boolean
  /** The working directory. */
  cwd: string
}

/**
 * A process to start. Its stdin is a file. What it gets of the runner's environment follows from its need (an agent's CLI, or a command of
 * a plan); `env` is added, and null removes a name.
 */
export interface Command {
  need: 'agent' | 'command'
  file: string
  args: string[]
  env: Record<string, string | null>
}

/** How the last line of an agent is recognised. */
export interface ResultLine {
  key: string
  value: string
}

/** How a process ended, as its supervisor saw it. */
export interface ExitRecord {
  version: 1
  code: number | null
  signal: string | null
  /** Why the supervisor ended it, or null when it ended by itself. `start_failed`: it could not be started; `no_room`: for want of room in the system. */
  cause: 'deadline' | 'silent' | 'hung_after_result' | 'stopped' | 'start_failed' | 'no_room' | null
  message: string
  startedAt: string
  endedAt: string
  durationMs: number
}

/** Reads the output of one attempt, line by line, and says at the end what it came to. */
export interface AttemptReader {
  /** One line of stdout without its newline. Never throws: what is not understood is passed over. */
  read(line: string): AgentEvent[]
  /** What the attempt came to, from all lines read and how the process ended. `stderr` is its last 8 KiB. */
  end(exit: ExitRecord, stderr: string): AttemptEnd
}

/** Facts about the attempt that is read. */
export interface ReadingOptions {
  /** As in its plan. */
  mode: AttemptPlan['mode']
  /** Its events hold at length what was thought, said, called and answered. */
  verbose?: boolean | undefined
}

/** A coding agent's command line. It says what to run, and reads what came out. */
export interface Agent {
  readonly name: string
  /** The stdout line that is the agent's last word: a JSON object in which `key` has this `value`. Null when the last word is its exit. */
  readonly resultLine: ResultLine | null
  /** Throws AGENT_CLI_MISSING when there is no program that an attempt could start, UNTRUSTED when the program must not be started. */
  ensureThere(): void
  /** The command of an attempt. Throws as `ensureThere` does. */
  command(plan: AttemptPlan): Command
  /** Whether the session can be resumed in this working directory (its transcript is there). */
  canResume(sessionId: string, cwd: string): boolean
  /** Names the account that pays: the same for all who share its usage limits. Opaque, fit for a file name, and without a secret in it. */
  account(): string
  reader(options: ReadingOptions): AttemptReader
}

/** What the supervisor needs to know of an attempt. It is written to `attempt.json` before anything starts. */
export interface AttemptSpec {
  version: 1
  runId: string
  attempt: number
  command: Command
  cwd: string
  /** File with the agent's stdin. */
  promptFile: string
  resultLine: ResultLine | null
  /** Milliseconds; all count on the boot clock. */
  deadlineMs: number
  silentAfterMs: number
  resultGraceMs: number
  killGraceMs: number
}

/** What is found of an attempt after a restart; the four cases of recovery and the one before them. */
export type AttemptState =
  | { state: 'never_started' }
  | { state: 'alive'; supervisor: ProcessIdentity | null }
  | { state: 'exited'; exit: ExitRecord }
  | { state: 'gone' }

/** Starts, follows and ends attempts so that they outlive the runner. */
export interface Supervision {
  /**
   * Gets a supervisor ready for a run, so that its first attempt starts sooner. It starts nothing before `start`, and goes away with this
   * process. Calling it twice is the same as once.
   */
  ready(runId: string): void
  /** Releases a supervisor that was not needed. */
  unready(runId: string): void
  /** Starts the attempt detached. Resolves when the agent process runs, or has failed to start (see its exit record). */
  start(spec: AttemptSpec): Promise<ProcessIdentity | null>
  inspect(runId: string, attempt: number): AttemptState
  /** The number of the last attempt that this machine knows of a run, which may have been given back and taken again; 0 for none. */
  latest(runId: string): number
  /**
   * Hands over every complete stdout line from the start of the file, waiting for more until the attempt has ended.
   * Resolves with its exit record, or null when supervisor and agent vanished without one. The signal ends the
   * following, not the attempt.
   */
  follow(runId: string, attempt: number, onLine: (line: string) => void, signal: AbortSignal): Promise<ExitRecord | null>
  /** The last 8 KiB of the attempt's stderr. */
  stderr(runId: string, attempt: number): string
  /**
   * Asks the supervisor to end the attempt: TERM to the tree, grace, KILL. Resolves when it has ended. The grace is the attempt's own, or
   * `graceMs` where somebody waits for the end and that is shorter.
   */
  stop(runId: string, attempt: number, graceMs?: number): Promise<void>
  /** Ends every process of the run that works for this agent, and proves that none is left. Returns how many were ended. */
  sweep(runId: string): Promise<number>
  /** Also ends what works for other agents that had the run on this machine. Call it only right after proving that the run is ours. */
  takeOver(runId: string): Promise<void>
}

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

/** The names of the hooks that the runner calls. */
export const HOOKS = ['pre_task', 'post_task', 'health_check'] as const
export type HookName = (typeof HOOKS)[number]

/** The endings that the file of a hook may have after the hook's name, in the order in which they are tried. */
export const HOOK_SUFFIXES = ['', '.py', '.sh', '.js', '.mjs', '.ts'] as const

/** What a hook reads on stdin, as one JSON document. */
export interface HookDocument {
  version: 1
  event: HookName
  agent: AgentIdentity
  run_id: string | null
  task: Task | null
  workspace: { kind: string; path: string; repo: string; branch: string | null } | null
  model: string | null
  tracker: { name: string; url: string }
  state_dir: string
  /** The agent CLI that will be started: a path, or a name to be found on PATH; null when none was found. */
  agent_command: string | null
  /** Only for post_task. */
  result?: {
    success: boolean
    reason: string
    status: string | null
    duration_ms: number
    cost_usd: number
    branch: string | null
    commits: { sha: string; subject: string }[]
    attempts: number
    /** The hooks of the run so far. */
    hooks: { hook: string; ok: boolean; duration_ms: number }[]
    /** How the tracker's server has answered since the last run; null where there is none. */
    tracker_answers: { requests: number; failed: number; mean_ms: number; most_ms: number } | null
  }
}

export interface HookResult {
  /** The hook file; null when there is no such hook, which counts as success. */
  path: string | null
  ok: boolean
  exitCode: number | null
  timedOut: boolean
  /** The last lines of what it printed. */
  message: string
  log: string
  ms: number
}

export interface Hooks {
  /** `signal` ends it with the configured grace. `soon`, for callers who wait for its end, has a shorter grace of its own. */
  run(
    hook: HookName,
    document: HookDocument,
    logFile: string,
    signal: AbortSignal,
    soon?: { signal: AbortSignal; graceMs: number },
  ): Promise<HookResult>
}

/** The agent's journal on disk (the lock file). There ⇔ this agent has an unfinished task. */
export interface Journal {
  /** The unfinished run; null when there is none. A file that cannot be read is set aside and reported in `setAside`. */
  load(): { record: RunRecord | null; setAside: string | null }
  /**
   * Replaces the record durably: it survives a kill at any moment, whole. With `beside` it survives every kill at once, and a power cut a
   * few milliseconds later, before the next save; until then the record before may come back, never an older one. `beside` is for steps
   * that may be repeated.
   */
  save(record: RunRecord, durable?: 'before' | 'beside'): void
  /** Deletes the lock file durably. Deleting twice is the same as deleting once. */
  remove(): void
  /** The record of another agent of this state folder whose lock file has the run as its own too; null for none. */
  sharedWith(runId: string): RunRecord | null
}

/** The usage limit of the agent CLI's account, shared by every runner of this machine that uses the account. */
export interface UsageLimit {
  /** The wait before which no attempt may start; null for at once. */
  until(): Wait | null
  /** Makes all of them wait this long. Best effort: a runner that does not hear of it is told by the account itself. */
  reached(wait: Wait): void
}

/** What several ends in a row say about the surroundings of all tasks (model API, network, agent CLI). */
export interface Outage {
  /** The reason of the last end. */
  reason: EndReason
  /** What was said about it, for people. */
  said: string
  /** Epoch milliseconds of the first. */
  since: number
  /** How many ends there were. */
  ends: number
  /** Ids of the tasks that met it. */
  tasks: string[]
  /** Nothing is tried before this is over. */
  wait: Wait
}

/** Counts the ends in a row for which no task is to blame, across tasks and restarts, for one agent. */
export interface Breaker {
  /** The ends so far; null when the last one was of another kind. */
  current(): Outage | null
  /** Counts one more. `pause` turns their number into the milliseconds for which nothing is tried. */
  failed(end: { reason: EndReason; said: string; taskId: string }, pause: (ends: number) => number): Outage
  /** Something got through: the count begins anew. */
  mended(): void
}

/** Counts how often each task was given back, across restarts. */
export interface Patience {
  /**
   * Counts one more time, unless the same claim was counted already. False when the task has been given back too often. `claimedAt`: ISO
   * 8601 UTC.
   */
  again(taskId: string, claimedAt: string): boolean
  /** The task came to another end: its count begins anew. */
  forget(taskId: string): void
}

/** Files that belong to one run, under `runs/{run}/`. */
export interface RunFiles {
  /** The folder; made on first use. */
  folder(runId: string): string
  /** Replaces a file of the run durably and returns its path. */
  write(runId: string, name: string, text: string): string
  /** Deletes a file of the run; one that is not there is as good as deleted. */
  drop(runId: string, name: string): void
  /** Deletes what a kill left half written in the run's folder. For the end of a run, when nobody writes there. */
  tidy(runId: string): void
  /** The path of a file in the state folder that belongs to no run. */
  stateFile(name: string): string
  /** Adds an event to its run's timeline. */
  append(event: StampedEvent): void
  /** A file of the run; null when it is not there. */
  read(runId: string, name: string): string | null
  /** Events of the timeline from a place in its file on, at most so many and so many bytes of them (but one in any case), and the place behind them. */
  eventsFrom(runId: string, offset: number, most: { events: number; bytes: number }): { events: StampedEvent[]; end: number }
  /** The run's timeline so far, oldest first. */
  events(runId: string): StampedEvent[]
}

export interface Clock {
  /** Epoch milliseconds by the wall clock: only for what people read. */
  now(): number
  /** Milliseconds since boot, suspend included: for every deadline and duration. */
  uptime(): number
  /** The id of this boot: what was noted on `uptime` means nothing in another one. */
  boot(): string
  /** Resolves after that many milliseconds (any size), or rejects at once when the signal fires. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
}

/** The question that a refused pre_task hook raises; answered by a person or by the configured policy. When the signal fires: `stop`. */
export type HookRefusalAnswer = 'retry' | 'skip' | 'give_back' | 'stop'
export type AskHookRefusal = (task: Task, result: HookResult, signal: AbortSignal) => Promise<HookRefusalAnswer>
