import type { RunnerEvent } from '../core/event.ts'
import type { Policy } from '../core/policy.ts'
import type { Agent } from '../core/ports/agent.ts'
import type { Breaker } from '../core/ports/breaker.ts'
import type { Clock } from '../core/ports/clock.ts'
import type { AskHookRefusal, Hooks } from '../core/ports/hooks.ts'
import type { Journal } from '../core/ports/journal.ts'
import type { Patience } from '../core/ports/patience.ts'
import type { RunFiles } from '../core/ports/run-files.ts'
import type { Supervision } from '../core/ports/supervision.ts'
import type { Tracker } from '../core/ports/tracker.ts'
import type { UsageLimit } from '../core/ports/usage-limit.ts'
import type { Workspaces } from '../core/ports/workspaces.ts'
import type { AgentIdentity } from '../core/task.ts'
import type { Stops } from './shutdown.ts'

/** Everything that a runner works with. It is composed once, and the rules reach the outside only through it. */
export interface RunnerContext {
  identity: AgentIdentity
  tracker: Tracker
  agent: Agent
  /** Runs the shell commands of a plan. */
  shell: Agent
  supervision: Supervision
  workspaces: Workspaces
  hooks: Hooks
  journal: Journal
  usageLimit: UsageLimit
  breaker: Breaker
  files: RunFiles
  clock: Clock
  policy: Policy
  stops: Stops
  patience: Patience
  /** In [0, 1). */
  random: () => number
  newRunId: () => string
  newSessionId: () => string
  /** Emits an event; with a run id, as one of that run. */
  emit: (event: RunnerEvent, runId?: string) => void
  /** Asks a person about a refused hook; null without a terminal, then the policy answers. */
  askHookRefusal: AskHookRefusal | null
  /** Removes the secrets that this machine knows from a text that is to leave it. */
  redact: (text: string) => string
  /** The state folder, for hooks and notes. */
  home: string
  repo: string
  agentCommand: string | null
}
