import type { AgentEvent } from '../event.ts'
import type { AttemptEnd } from '../run.ts'

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
