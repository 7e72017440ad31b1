import type { AgentIdentity, Task } from '../task.ts'

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

/** The question that a refused pre_task hook raises; answered by a person or by the configured policy. When the signal fires: `stop`. */
export type HookRefusalAnswer = 'retry' | 'skip' | 'give_back' | 'stop'

export type AskHookRefusal = (task: Task, result: HookResult, signal: AbortSignal) => Promise<HookRefusalAnswer>
