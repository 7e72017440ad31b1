/** The levels of an agent, and the seniority that a task asks for, lowest first. */
export const LEVELS = ['junior', 'senior', 'principal'] as const
export type Level = (typeof LEVELS)[number]

/** `minor` works in place on the current branch; `major` works in a worktree on a branch of its own. */
export const COMPLEXITIES = ['minor', 'major'] as const
export type Complexity = (typeof COMPLEXITIES)[number]

/** The roles that Headless PM knows. Other roles are allowed; these have built-in instructions. */
export const KNOWN_ROLES = ['frontend_dev', 'backend_dev', 'fullstack_dev', 'qa', 'architect', 'pm'] as const

/**
 * The workflow words of a task, as Headless PM uses them and as our own board keeps them.
 * `pending` is parked: nobody is given the task until a person moves it to `created`.
 */
export const TASK_STATUSES = [
  'pending',
  'created',
  'under_work',
  'dev_done',
  'qa_done',
  'documentation_done',
  'committed',
  'cancelled',
] as const
export type TaskStatus = (typeof TASK_STATUSES)[number]

/** What is to be done. The tracker's adapter parses it, so its form is trusted inside; its text stays data for ever. */
export interface Task {
  /** The tracker's own id as text: a number at Headless PM, `tsk_…` on our board. */
  id: string
  title: string
  description: string
  /** Acceptance criteria, one sentence each. */
  criteria: string[]
  role: string
  seniority: Level
  complexity: Complexity
  /** The branch that the task asks for; null when the runner may name it. */
  branch: string | null
  /** Higher goes first; 0 is normal. */
  priority: number
  dependsOn: string[]
  /** US dollars over all attempts; null for the configured budget. */
  maxCostUsd: number | null
  /** A model for this task alone; null for the table of levels and roles. */
  model: string | null
  /** The status when the tracker showed it; giving the task back restores this one. */
  status: string
  /** What others wrote on the task so far; '' when nothing. */
  notes: string
  /** The run that the tracker has made for the task; null when the runner that takes the task makes one. */
  runId: string | null
  /** How the run is to be done; null for the task as a whole, by the configuration. Only our own control plane tells it. */
  plan: Plan | null
  /** The repository in which it is to be done; left out: the runner's own. */
  repo?: string | undefined
}

/** How a run is to be done, beyond its task's own fields. */
export interface Plan {
  /** What is done one after the other; null for the task as a whole. */
  parts: Part[] | null
  /** Milliseconds for each attempt; null for the configured deadline. */
  timeoutMs: number | null
  /** Turns of the agent in each attempt; null for no limit. */
  maxTurns: number | null
  /** The agent says what it would do, and does nothing. */
  dryRun: boolean
  /** The timeline has all that the agent thinks, says and does, not only its beginning. */
  verbose: boolean
}

/** One part of a workflow or pipeline: a goal for the agent, or a shell command. */
export interface Part {
  name: string
  goal: string | null
  command: string | null
  /** Milliseconds for each attempt of this part; null for the plan's. */
  timeoutMs: number | null
}

/** Who works: a registered worker identity at the tracker. */
export interface AgentIdentity {
  id: string
  role: string
  level: Level
}

/** Somebody wrote `@agent-id` at the tracker. */
export interface Mention {
  id: string
  from: string
  text: string
  taskId: string | null
}

/** An agent id names files and processes, so nothing but these characters may be in it. */
export const AGENT_ID = /^(?!\.{1,2}$)[A-Za-z0-9._-]{1,64}$/

/** The form of a model's name: with a dash in front it would be an option of the agent CLI. */
export const MODEL_NAME = /^[^-]/
export const MODEL_NAME_WRONG = 'a model name must not begin with a dash'
