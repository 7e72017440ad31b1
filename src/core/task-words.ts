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

/** The form of a model's name: with a dash in front it would be an option of the agent CLI. */
export const MODEL_NAME = /^[^-]/
export const MODEL_NAME_WRONG = 'a model name must not begin with a dash'
