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

/** All that a runner works with. Composed once; the rules see nothing of the outside but this. */
export interface RunnerContext {
  identity: AgentIdentity
  tracker: Tracker
  agent: Agent
  /** What does the shell commands of a plan. */
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
  /** Tells an event; of a run when its id is given. */
  emit: (event: RunnerEvent, runId?: string) => void
  /** Asks a person about a refused hook; null without a terminal, then the policy answers. */
  askHookRefusal: AskHookRefusal | null
  /** A text without the secrets that this machine knows, for whatever leaves it. */
  redact: (text: string) => string
  /** For hooks and notes. */
  home: string
  repo: string
  agentCommand: string | null
}
