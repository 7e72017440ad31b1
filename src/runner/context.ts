import type { RunnerEvent } from '../core/event.ts'
import type { Policy } from '../core/policy.ts'
import type {
  Agent,
  AskHookRefusal,
  Breaker,
  Clock,
  Hooks,
  Journal,
  Patience,
  RunFiles,
  Supervision,
  Tracker,
  UsageLimit,
  Workspaces,
} from '../core/ports.ts'
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
