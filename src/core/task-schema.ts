import * as z from 'zod'
import { COMPLEXITIES, LEVELS } from './task-words.ts'

const milliseconds = z.number().positive().nullable()

const part = z.object({
  name: z.string(),
  goal: z.string().nullable(),
  command: z.string().nullable(),
  timeoutMs: milliseconds.describe("For each attempt of this part; null for the plan's"),
})

const plan = z.object({
  parts: z.array(part).nullable().describe('What is done one after the other; null for the task as a whole'),
  timeoutMs: milliseconds.describe('For each attempt; null for the configured deadline'),
  maxTurns: z.number().nullable().describe('Turns of the agent in each attempt; null for no limit'),
  dryRun: z.boolean().describe('The agent says what it would do, and does nothing'),
  verbose: z.boolean().default(false).describe('The timeline has all that the agent thinks, says and does, not only its beginning'),
})

/**
 * A task, defined once: the lock file, the document of hooks and the type come from here, and the wire and the database hold the same fields
 * in snake_case. A new field has a default, since lock files of older versions lack it.
 */
export const taskSchema = z.object({
  id: z.string().describe("The tracker's own id, as text"),
  title: z.string(),
  description: z.string(),
  criteria: z.array(z.string()).describe('Acceptance criteria, one sentence each'),
  role: z.string(),
  seniority: z.enum(LEVELS),
  complexity: z.enum(COMPLEXITIES).describe('minor works in place, major in a git worktree'),
  branch: z.string().nullable().describe('The branch that the task asks for'),
  priority: z.number().describe('Higher goes first; 0 is normal'),
  dependsOn: z.array(z.string()),
  maxCostUsd: z.number().nullable(),
  model: z.string().nullable().describe('A model for this task alone'),
  status: z.string().describe('The status in which the tracker showed the task'),
  notes: z.string(),
  /** The run that the tracker has made for the task; null when the runner that takes the task makes one. */
  runId: z.string().nullable().default(null),
  /** How the run is to be done; null for the task as a whole, by the configuration. Only our own control plane tells it. */
  plan: plan.nullable().default(null),
  /** The repository in which it is to be done; left out: the runner's own. */
  repo: z.string().optional(),
})

const FIELDS = Object.keys(taskSchema.shape) as (keyof z.infer<typeof taskSchema>)[]

/** The task alone, without what somebody knows of it besides. */
export function onlyTask(task: z.infer<typeof taskSchema>): z.infer<typeof taskSchema> {
  return Object.fromEntries(FIELDS.flatMap(field => (task[field] === undefined ? [] : [[field, task[field]]]))) as typeof task
}
