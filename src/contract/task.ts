import * as z from 'zod'
import { COMPLEXITIES, LEVELS, TASK_STATUSES } from '../core/task.ts'
import { exact, filled, LONG, line, modelName, optional, ownProject, page, projectId, prose, runId, taskId, time } from './parts.ts'
import type { TaskState } from './run-states.ts'

/** What a program that knows nothing of workflow words sees of a task. */
const TASK_STATES = ['pending', 'running', 'completed', 'failed'] as const satisfies TaskState[]

const label = line(100)

const milliseconds = z.number().nullable()
const part = z.object({ name: z.string(), goal: z.string().nullable(), command: z.string().nullable(), timeout_ms: milliseconds })
const plan = z.object({
  parts: z.array(part).nullable(),
  timeout_ms: milliseconds,
  max_turns: z.number().nullable(),
  dry_run: z.boolean(),
  verbose: z.boolean().default(false),
})

/** The fields of a task that a run and a task are made with alike. */
export const taskFields = z.object({
  role: z
    .string()
    .regex(/^[a-z][a-z0-9_-]{0,63}$/, 'must be a word such as backend_dev or qa')
    .meta({ description: 'Who is to do it.', examples: ['backend_dev'] }),
  seniority: z.enum(LEVELS).meta({ description: 'The least level of the agent.' }),
  complexity: z.enum(COMPLEXITIES).meta({ description: 'minor works in place, major in a worktree on a branch of its own.' }),
  branch: exact(200).nullable().meta({ description: 'The branch to work on; null lets the runner name one.' }),
  priority: z.int().min(-1_000_000).max(1_000_000).meta({ description: 'Higher goes first.' }),
  acceptance_criteria: z.array(prose(5_000).trim().min(1, 'must not be empty')).max(200),
  depends_on: z.array(taskId).max(200).meta({ description: 'Tasks that must be done before.' }),
  max_cost_usd: z.number().positive('must be more than 0').nullable().meta({ description: 'US dollars over all attempts.' }),
  model: modelName.nullable().meta({ description: 'The model for this task alone.' }),
  labels: z.array(label).max(50).meta({ description: 'A worker must carry all of them to be given the task.' }),
})

/** The same with what is meant when a field is left out. */
export const taskFieldsDraft = z.object({
  role: filled(taskFields.shape.role, 'fullstack_dev'),
  seniority: filled(taskFields.shape.seniority, 'junior'),
  complexity: filled(taskFields.shape.complexity, 'major'),
  branch: filled(taskFields.shape.branch, null),
  priority: filled(taskFields.shape.priority, 0),
  acceptance_criteria: filled(taskFields.shape.acceptance_criteria, []),
  depends_on: filled(taskFields.shape.depends_on, []),
  max_cost_usd: filled(taskFields.shape.max_cost_usd, null),
  labels: filled(taskFields.shape.labels, []),
})

/** A task. */
export const task = z
  .object({
    id: taskId,
    project_id: projectId,
    project: z.string().meta({ description: "The project's path, or its name." }),
    title: z.string(),
    description: z.string(),
    ...taskFields.shape,
    acceptance_criteria: z.array(z.string()),
    status: z.enum(TASK_STATUSES).meta({ description: 'The workflow word.' }),
    state: z.enum(TASK_STATES).meta({ description: 'The same, coarser.' }),
    notes: z.string().meta({ description: 'What agents and people wrote on it.' }),
    run_id: runId.nullable().meta({ description: 'The run that works on it, or waits for a runner.' }),
    plan: plan.nullable().meta({ description: 'How the run is to be done; null for an ordinary one.' }),
    last_run_id: runId.nullable().meta({ description: 'The run that worked on it last.' }),
    on_hold: z.boolean().meta({ description: 'Its waiting run is PAUSED, so it is handed to nobody.' }),
    epoch: z.number().meta({ description: 'Grows with each claim.' }),
    locked_by: z.string().nullable().meta({ description: 'The agent that works on it.' }),
    blocked_by: z.array(taskId).meta({ description: 'What it still waits for.' }),
    created_at: time,
    updated_at: time,
  })
  .meta({ id: 'Task', description: 'What is to be done.' })

export type WireTask = z.infer<typeof task>

export const taskDraft = taskFieldsDraft
  .extend({
    project_id: ownProject,
    title: optional(line(500)).meta({ description: 'What is to be done, in one line; the first words of the description when left out.' }),
    description: filled(prose(LONG), ''),
    model: filled(taskFields.shape.model, null),
  })
  .refine(({ title, description }) => title !== undefined || description.trim() !== '', {
    path: ['title'],
    error: 'is missing; a task has a title or a description',
  })
  .meta({
    id: 'TaskDraft',
    examples: [
      {
        project_id: 'prj_01k7m3v9e2f6r8s4t5w6x7y8z9',
        title: 'Fix the login',
        role: 'backend_dev',
        acceptance_criteria: ['npm test passes'],
      },
      { description: 'Fix the login' },
    ],
  })

export const taskList = page.extend({
  project_id: projectId.optional(),
  status: z.enum(TASK_STATUSES).optional(),
  state: z.enum(TASK_STATES).optional(),
  role: z.string().max(64).optional(),
})
