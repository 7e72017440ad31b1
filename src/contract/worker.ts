import * as z from 'zod'
import { LIMITS } from '../core/limits.ts'
import { AGENT_ID, LEVELS, TASK_STATUSES } from '../core/task.ts'
import { filled, LONG, line, optional, page, projectId, prose, queryFlag, queryNumber, runId, taskId, time } from './parts.ts'
import { run } from './run.ts'
import { task, taskFields } from './task.ts'

const agentId = z
  .string()
  .regex(AGENT_ID, 'must be 1 to 64 letters, digits, dots, dashes or underscores')
  .meta({ description: 'The name under which the runner works.', examples: ['dev_001'] })
const role = taskFields.shape.role
const level = z.enum(LEVELS)
const labels = z.array(line(100)).max(50)
const epoch = z.int().min(0).meta({ description: 'Grows with each claim; an older one is refused with 409.' })

export const workerDraft = z
  .object({ agent_id: agentId, role, level: level.default('senior'), labels: labels.default([]), host: prose(255).default('') })
  .meta({
    id: 'WorkerDraft',
    examples: [{ agent_id: 'dev_001', role: 'backend_dev', level: 'senior', labels: ['linux'], host: 'build-1' }],
  })

export const worker = z
  .object({
    id: z.string().meta({ examples: ['wrk_01k7m3v9e2f6r8s4t5w6x7y8z9'] }),
    agent_id: z.string(),
    role: z.string(),
    level,
    labels: z.array(z.string()),
    host: z.string(),
    current_run: runId.nullable(),
    registered_at: time,
    last_seen: time,
  })
  .meta({ id: 'Worker', description: 'A runner, as it made itself known.' })

export type WireWorker = z.infer<typeof worker>

export const workerList = page

export const workerStatus = z
  .object({
    workers: z.int(),
    seen: z.int().meta({ description: 'Those that were seen in the last two minutes.' }),
    busy: z.int(),
    lanes: z.int().meta({ description: 'Runner lanes in this very process (`agent-runner up`).' }),
    running: z.boolean().meta({ description: 'Whether somebody works: a lane here, or a worker that was seen in the last two minutes.' }),
    check_interval: z
      .number()
      .nullable()
      .meta({ description: 'Seconds that one wait of a lane for the next task lasts; null without lanes.' }),
    runs: z.object({ queued: z.int(), running: z.int(), paused: z.int() }).meta({ description: 'How many runs are in these states.' }),
  })
  .meta({ id: 'WorkerStatus' })

export const processAnswer = z
  .object({ run_id: runId.nullable().meta({ description: 'The run that was taken; null when none was waiting.' }) })
  .meta({ id: 'Processed' })

const machine = z
  .string()
  .regex(/^[\w.:-]{1,100}$/, 'must be up to 100 letters, digits and . : _ -')
  .optional()
  .meta({ description: 'The machine, by a name that stays the same: two that bear one agent id are told apart by it.' })

const who = { agent_id: agentId, role, level: level.default('senior'), machine }

export const poll = z.object({
  ...{ agent_id: agentId.optional(), role: role.default('fullstack_dev'), level: who.level, machine },
  labels: z
    .string()
    .max(2_000)
    .default('')
    .transform(text => text.split(',').filter(word => word !== ''))
    .meta({ description: 'What the worker has, with commas.' }),
  project_id: projectId.optional().meta({ description: 'Only tasks of this project.' }),
  wait: queryNumber(0, 30).default(30).meta({ description: 'Seconds to wait for a task to appear.' }),
  peek: queryFlag.default(false).meta({ description: 'Only look; take nothing.' }),
  run_id: runId.optional().meta({ description: 'For a task without a waiting run: the id of the run to be made.' }),
})

const lease = z
  .object({ until: time.nullable().meta({ description: 'Until then the run is yours; a heartbeat renews it.' }), epoch })
  .meta({ id: 'Lease' })

export const polled = z
  .object({ task, run: run.nullable(), lease: lease.nullable().meta({ description: 'Null when only looked at.' }) })
  .meta({ id: 'Polled', description: 'A task, and when it was taken, its run and lease.' })

export const claimRequest = z
  .object({ ...who, labels: labels.default([]), host: prose(255).optional(), run_id: runId })
  .meta({ id: 'Claim' })
export const claimAnswer = z
  .object({ claim: z.enum(['ours', 'taken']), run: run.nullable(), lease: lease.nullable() })
  .meta({ id: 'Claimed' })

const holdingWord = z.enum(['ours', 'free', 'someone_else', 'finished', 'gone'])
export const holdingQuery = z.object(who)
export const holdingAnswer = z.object({ holding: holdingWord }).meta({ id: 'Holding' })

/** The fields by which a holder proves itself. A worker that does one task at a time may leave out those that it does not know. */
const holder = { agent_id: optional(agentId), run_id: optional(runId), epoch: optional(epoch) }
export type WireHolder = z.output<z.ZodObject<typeof holder>>

export const heartbeat = z
  .object({
    ...holder,
    known: z.array(z.string().max(100)).max(1_000).default([]).meta({ description: 'Wishes that were taken already.' }),
    wait: z.number().min(0).max(30).default(0).meta({ description: 'Seconds to wait for a wish that is not known yet.' }),
  })
  .meta({ id: 'Heartbeat' })

const wish = z
  .object({
    id: z.string(),
    kind: z.enum(['pause', 'resume', 'stop', 'directive']),
    text: z.string(),
    mode: z.enum(['now', 'turn_end']),
  })
  .meta({ id: 'Wish', description: 'What somebody wants of a run.' })

export const heartbeatAnswer = z
  .object({
    lease,
    wishes: z.array(wish).meta({ description: 'Oldest first; none means: go on.' }),
  })
  .meta({ id: 'HeartbeatAnswer' })

/** An event of a runner's timeline. The other fields are the event's own. */
export const logBatch = z
  .object({
    ...holder,
    events: filled(
      z.array(z.looseObject({ seq: z.int().min(0).max(LIMITS.seq.most), at: time, type: z.string().max(100) })).max(LIMITS.eventBatch.most),
      [],
    ).meta({ description: 'Runner events in order; those that are there already by `seq` change nothing.' }),
    logs: filled(z.array(z.union([prose(LONG), z.looseObject({ message: prose(LONG) })])).max(LIMITS.eventBatch.most), []).meta({
      description: 'Lines for the timeline, as text or as objects with a `message`. They have no numbers, so a resend adds them again.',
    }),
  })
  .meta({ id: 'LogBatch', examples: [{ agent_id: 'dev_001', run_id: 'run_01k7m3v9e2f6r8s4t5w6x7y8z9', epoch: 1, events: [] }] })

export const logAnswer = z
  .object({
    acked_seq: z.int().meta({ description: 'The highest number that is kept. Those that were sent are kept too, whatever their numbers.' }),
    left_out: z
      .int()
      .optional()
      .meta({ description: 'How many of them are left out, or without their words, since the customer has stored as much as it may.' }),
  })
  .meta({ id: 'LogAnswer' })

export const completion = z
  .object({
    ...holder,
    outcome: optional(z.enum(['reported', 'given_back', 'parked', 'stopped'])).meta({
      description:
        'reported: done. given_back: back into the queue. parked: out of circulation until a person says so. stopped: ended for good, as was wished.',
    }),
    success: optional(z.boolean()).meta({ description: 'Instead of an outcome: true is reported, false is parked.' }),
    status: optional(z.enum(TASK_STATUSES)).meta({
      description:
        'For reported: the workflow word that the task moves to; left out, `dev_done`, or `qa_done` for a task that was to be checked.',
    }),
    note: optional(prose(LONG)).meta({ description: 'For people; `result` or `error` is read when it is left out.' }),
    result: z.unknown().optional(),
    error: z.unknown().optional(),
  })
  .refine(said => !(said.success === true && said.error !== undefined && said.error !== null), {
    path: ['error'],
    error: 'is there although success is true',
  })
  .refine(said => said.success === undefined || said.outcome === undefined || said.success === (said.outcome === 'reported'), {
    path: ['success'],
    error: 'and outcome say different things',
  })
  .meta({ id: 'Completion' })

export const completionAnswer = z.object({ result: z.enum(['reported', 'lost']) }).meta({ id: 'Completed' })

export const mentionQuery = z.object({ agent_id: agentId })
export const mention = z.object({ id: z.string(), from: z.string(), text: z.string(), task_id: taskId.nullable() }).meta({ id: 'Mention' })
export const mentionsRead = z.object({ agent_id: agentId, ids: z.array(z.string().max(40)).max(1_000) }).meta({ id: 'MentionsRead' })

/** The uploader. It is in the query, since the body is the file. */
export const uploadQuery = z.object({ agent_id: agentId, epoch: queryNumber(0, Number.MAX_SAFE_INTEGER) })
