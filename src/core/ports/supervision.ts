import type { ProcessIdentity } from '../run.ts'
import type { Command, ExitRecord, ResultLine } from './agent.ts'

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
