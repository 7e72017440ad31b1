import type { Level } from './task.ts'

/** The statuses in which a role's runs end, in the tracker's workflow words. */
export interface RolePolicy {
  /** Status after the work was done, or the check passed. */
  done: string
  /** Status after a check failed. */
  sentBack: string
  /** Whether the agent must give a structured verdict. */
  verdict: boolean
}

/** The part of the configuration that the runner's rules read. Durations in milliseconds. */
export interface Policy {
  models: { levels: Record<Level, string>; roles: Record<string, string> }
  roles: Record<string, RolePolicy>
  roleInstructions: string
  onHookFailure: 'skip' | 'give_back' | 'stop'
  onUnhealthy: 'pause' | 'warn'
  maxAttempts: number
  maxInterruptions: number
  /** How often in a row the surroundings may fail before the task is given back. A runner that stays waits for them instead. */
  outageTries: number
  maxCostUsd: number | null
  deadlineMs: number
  silentAfterMs: number
  resultGraceMs: number
  killGraceMs: number
  /** The grace of an agent that is interrupted because somebody asked for it. */
  wishGraceMs: number
  heartbeatMs: number
  healthCheckMs: number
  taskCheckMs: number
  usageLimitWaitMs: number
  diffBytes: number
  /** Whether a control plane gets the diff and other texts that may hold code; otherwise code stays on this machine. */
  sendsDiff: boolean
  /** Whether every run is reported at length, as a task's plan can ask for. */
  verbose: boolean
}

/** The policy of a role: what is configured, else checking for `qa`, else doing. */
export function rolePolicy(policy: Pick<Policy, 'roles'>, role: string): RolePolicy {
  return (
    own(policy.roles, role) ??
    (role === 'qa' ? { done: 'qa_done', sentBack: 'created', verdict: true } : { done: 'dev_done', sentBack: 'created', verdict: false })
  )
}

/** The model for a task: the task's own, else the role's, else the level's. A fixed table, no escalation. */
export function modelFor(models: Policy['models'], task: { model: string | null; role: string; seniority: Level }, role: string): string {
  return task.model ?? own(models.roles, role) ?? models.levels[task.seniority]
}

/** A role may have any name, also one that every object inherits. */
function own<T>(table: Record<string, T>, key: string): T | undefined {
  return Object.hasOwn(table, key) ? table[key] : undefined
}
