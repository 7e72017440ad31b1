import * as z from 'zod'
import { LIMITS } from '../core/limits.ts'
import { place as eventPlace } from './event.ts'
import {
  anyObject,
  filled,
  LONG,
  line,
  modelName,
  optional,
  ownProject,
  page,
  projectId,
  prose,
  queryFlag,
  queryNumber,
  runId,
  taskId,
  time,
} from './parts.ts'
import { RUN_STATES } from './run-states.ts'
import { RUN_TYPES } from './run-types.ts'
import { taskFieldsDraft } from './task.ts'

/** How a run is to be done. Unknown keys are kept and handed to the runner. */
const runOptions = z
  .looseObject({
    dry_run: optional(z.boolean()).meta({
      description:
        'Say what would be done, and do nothing. The run ends COMPLETED, its task parked (`pending`): tasks that depend on it wait on, and QA is not given it. A retry is another dry run; requeueing the task has it done.',
    }),
    verbose: optional(z.boolean()).meta({
      description:
        'The timeline tells at length, up to 20,000 characters each, what the agent thought and said, with what it called its tools and what they answered; else the beginnings.',
    }),
    max_steps: optional(z.int().min(1).max(100_000)).meta({ description: 'Turns of the agent at most.' }),
    model: optional(modelName),
    timeout: optional(
      z
        .number()
        .positive()
        .max(31 * 86_400),
    ).meta({ description: 'Seconds that one attempt may take.' }),
    budget: optional(z.number().positive().max(100_000)).meta({ description: 'US dollars over all attempts.' }),
  })
  .meta({ id: 'RunOptions', examples: [{ model: 'sonnet', timeout: 600, budget: 2.5 }] })

/** One step of a workflow or pipeline: a goal for the agent, or a shell command. */
const runStep = z
  .object({
    name: line(200).optional(),
    goal: prose(LONG).min(1).optional(),
    command: prose(20_000).min(1).optional(),
    timeout: z
      .number()
      .positive()
      .max(31 * 86_400)
      .optional()
      .meta({ description: 'Seconds.' }),
  })
  .refine(step => (step.goal === undefined) !== (step.command === undefined), 'must have either a goal or a command')
  .meta({ id: 'RunStep', examples: [{ goal: 'Write the parser' }, { command: 'npm test', timeout: 600 }] })

const tokens = z.object({ input: z.number(), output: z.number(), cache_read: z.number(), cache_write: z.number() })
const diffSummary = z.object({ files: z.number(), insertions: z.number(), deletions: z.number() })

/** One execution of a task, with all that is known of it. */
export const run = z
  .object({
    id: runId,
    project_id: projectId,
    task_id: taskId,
    name: z.string(),
    goal: z.string(),
    run_type: z.enum(RUN_TYPES),
    options: anyObject,
    metadata: anyObject,
    steps: z.array(anyObject).nullable(),
    status: z.enum(RUN_STATES),
    current_iteration: z.number(),
    attempt: z.number().meta({ description: 'How often it was started: grows when a runner was lost.' }),
    worker_id: z.string().nullable(),
    agent_id: z.string().nullable(),
    session_id: z.string().nullable(),
    model: z.string().nullable(),
    branch: z.string().nullable(),
    base: z.string().nullable(),
    commits: z.array(z.object({ sha: z.string(), subject: z.string() })),
    diff_summary: diffSummary.nullable(),
    tokens: tokens.nullable(),
    cost_usd: z.number(),
    tool_calls: z.number(),
    lease_until: time.nullable().meta({ description: 'Until then its runner need not be heard of; null without a runner elsewhere.' }),
    epoch: z.number().meta({ description: 'Grows with each claim.' }),
    machine: z.string().nullable().meta({ description: 'The machine of its runner, by the name that it gave itself.' }),
    error: z.string().nullable().meta({ description: 'Why it failed.' }),
    retry_of: runId.nullable().meta({ description: 'The run that this one repeats.' }),
    created_at: time,
    started_at: time.nullable(),
    finished_at: time.nullable(),
  })
  .meta({ id: 'Run', description: 'One execution of a task.' })

export type WireRun = z.infer<typeof run>

/** The simple options, which may stand beside `options` too. */
const atTop = {
  dry_run: runOptions.shape.dry_run,
  verbose: runOptions.shape.verbose,
  max_steps: runOptions.shape.max_steps,
  model: runOptions.shape.model,
}

export const runDraft = taskFieldsDraft
  .extend({
    project_id: ownProject,
    goal: prose(LONG).trim().min(1, 'must not be empty').meta({ description: 'What is to be done; the first line is its title.' }),
    name: optional(line(200)).meta({ description: 'Made up when left out.' }),
    run_type: filled(z.enum(RUN_TYPES), 'agent'),
    options: optional(runOptions),
    ...atTop,
    metadata: filled(anyObject, {}).meta({ description: 'Kept as it is.' }),
    steps: optional(z.array(runStep).min(1).max(200)).meta({
      description: 'For workflow and pipeline: what is done, in order; left out, the goal is the only step.',
    }),
  })
  .superRefine((draft, context) => {
    for (const name of Object.keys(atTop) as (keyof typeof atTop)[]) {
      const inside = draft.options?.[name]
      if (draft[name] !== undefined && inside !== undefined && draft[name] !== inside)
        context.addIssue({ code: 'custom', path: [name], message: `is ${draft[name]}, and ${inside} in options` })
    }
  })
  .refine(draft => draft.steps === undefined || draft.run_type === 'workflow' || draft.run_type === 'pipeline', {
    path: ['steps'],
    error: 'only workflow and pipeline runs have steps',
  })
  .meta({
    id: 'RunDraft',
    examples: [
      { project_id: 'prj_01k7m3v9e2f6r8s4t5w6x7y8z9', goal: 'Fix the login', options: { model: 'sonnet' }, metadata: { ticket: 'SHOP-1' } },
    ],
  })
  .transform(({ dry_run, verbose, max_steps, model, options, ...draft }) => ({
    ...draft,
    // Its own: a copy of many thousand keys takes ten times as long.
    options: Object.assign(options ?? {}, given({ dry_run, verbose, max_steps, model })),
  }))

/** What is there of some fields. */
const given = <T extends object>(fields: T) =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Partial<T>

/** The fields that may stand in the query instead: `curl -X POST '/runs?goal=Fix+the+login'`. */
export const runForm = z
  .object({
    ...{ project_id: projectId, goal: prose(LONG), name: line(200), run_type: z.enum(RUN_TYPES) },
    ...{ dry_run: queryFlag, verbose: queryFlag, max_steps: queryNumber(1, 100_000), model: modelName },
  })
  .partial()

const states = z
  .string()
  .transform(text => text.toUpperCase().split(','))
  .pipe(z.array(z.enum(RUN_STATES, { error: `must be one of ${RUN_STATES.join(', ')}, or several with commas` })))
  .meta({ description: 'One status, or several with commas.', examples: ['QUEUED,RUNNING'] })

export const runList = page.extend({
  project_id: projectId.optional(),
  task_id: taskId.optional(),
  status: states.optional(),
  text: z.string().max(200).optional().meta({
    description:
      'Only those with this text in name or goal. A page looks through 5,000 runs (of each status asked for): it may have few or none, and a next one all the same.',
  }),
})

export const directive = z
  .object({
    text: prose(LONG).trim().min(1, 'must not be empty').meta({ description: 'What the agent is to be told.' }),
    mode: z
      .enum(['now', 'turn_end'])
      .default('now')
      .meta({ description: 'now interrupts the agent and resumes its session with the text; turn_end waits until the turn is over.' }),
  })
  .meta({ id: 'Directive', examples: [{ text: 'Use the new API instead.', mode: 'now' }] })

/** The answer to a control request: pause, resume, stop, directive. */
export const wishAnswer = z
  .object({
    run,
    wish_id: z.string().nullable().meta({ description: 'What the runner confirms by; null when nothing had to be asked of a runner.' }),
  })
  .meta({ id: 'Wished' })

export const stopRequest = z.object({ reason: prose(2_000).default('') }).meta({ id: 'Stop', examples: [{ reason: 'no longer needed' }] })

/** A file of a run, without what is in it. */
export const artifact = z
  .object({ name: z.string(), content_type: z.string(), size: z.number().meta({ description: 'Bytes.' }), created_at: time })
  .meta({ id: 'Artifact', description: 'A file of a run.' })

export const logQuery = z.object({
  ...eventPlace,
  limit: queryNumber(1, LIMITS.pageEvents.most).default(200),
  tail: queryFlag.default(false).meta({ description: 'The newest lines instead of the first.' }),
})
