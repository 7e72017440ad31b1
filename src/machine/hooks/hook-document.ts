import * as z from 'zod'
import { camelKeys, snakeNames } from '../../core/key-case.ts'
import { HOOKS } from '../../core/ports/hooks.ts'
import { COMPLEXITIES, LEVELS, newTask, type Task } from '../../core/task.ts'
import { taskSchema } from '../../core/task-schema.ts'

const { runId: _run, plan: _plan, repo: _repo, ...shared } = taskSchema.shape
/** What hooks see of a task. */
const task = z.object(snakeNames(shared))

/** What a hook reads on stdin, as it stands on the wire: snake_case throughout. New keys may be added within a version. */
export const hookDocument = z.object({
  version: z.literal(1),
  event: z.enum(HOOKS),
  agent: z.object({ id: z.string(), role: z.string(), level: z.enum(LEVELS) }),
  run_id: z.string().nullable().describe('Null outside of a run (health_check)'),
  task: task.nullable(),
  workspace: z
    .object({
      kind: z.string().describe('in-place, worktree or clone'),
      path: z.string().describe('Where the agent works'),
      repo: z.string().describe('The main checkout'),
      branch: z.string().nullable(),
    })
    .nullable()
    .describe('Null until the workspace is prepared, so also for pre_task'),
  model: z.string().nullable(),
  tracker: z.object({ name: z.string(), url: z.string() }),
  state_dir: z.string().describe('The state folder, ~/.headless-pm unless moved'),
  agent_command: z.string().nullable().describe('The agent CLI: a path, or a name on PATH'),
  task_id: z.string().nullable().describe('The same as task.id, as hooks of the older runner read it; so are the six that follow'),
  task_title: z.string().nullable(),
  skill_level: z.enum(LEVELS).nullable(),
  complexity: z.enum(COMPLEXITIES).nullable(),
  status: z.string().nullable().describe('The status that the task moved to; before its end the one in which it was found'),
  success: z.boolean().nullable().describe('Null before the end of the run'),
  execution_time: z.number().nullable().describe('Seconds that the run took; null before its end'),
  result: z
    .object({
      success: z.boolean(),
      reason: z.string().describe('One word for how the run ended, for example completed, crashed, timed_out'),
      status: z.string().nullable().describe('The status that the task moved to'),
      duration_ms: z.number(),
      cost_usd: z.number(),
      branch: z.string().nullable(),
      commits: z.array(z.object({ sha: z.string(), subject: z.string() })),
      attempts: z.number(),
      hooks: z.array(z.object({ hook: z.string(), ok: z.boolean(), duration_ms: z.number() })).describe('The hooks of the run so far'),
      tracker_answers: z
        .object({ requests: z.number(), failed: z.number(), mean_ms: z.number(), most_ms: z.number() })
        .nullable()
        .describe("How the tracker's server has answered since the last run; null where there is none"),
    })
    .optional()
    .describe('Only for post_task'),
})
export type HookWire = z.infer<typeof hookDocument>

/** A task as a person writes it to try a hook: only the title is needed. Unknown keys are refused, so that a typo shows. */
export const sampleTask = z.strictObject({
  ...task.partial().shape,
  title: z.string(),
})

/** The JSON schema of the document, draft 2020-12; `hooks/hook.schema.json` is this. */
export function hookSchema(): object {
  return { title: 'What an Agent Runner hook reads on stdin', ...z.toJSONSchema(hookDocument, { io: 'input' }) }
}

/** A task with everything that the file did not say filled in. */
export const taskFromSample = (sample: z.infer<typeof sampleTask>): Task => newTask({ id: 'sample', ...camelKeys(sample) })
