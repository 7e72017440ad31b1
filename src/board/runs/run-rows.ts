import type { Kysely, UpdateObject } from 'kysely'
import { guard, isOver, type RunStatus } from '../../contract/run-states.ts'
import type { RunType } from '../../contract/run-types.ts'
import { RunnerError } from '../../core/errors.ts'
import { newRunId } from '../../core/ids.ts'
import type { Commit, Tokens } from '../../core/run.ts'
import { prepared, preparedByShape } from '../store/prepared.ts'
import type { NewRunRow, RunRow, Schema, TaskRow } from '../store/schema.ts'
import { bytesOf, ROW_BYTES } from '../store/stored-bytes.ts'
import type { Tx } from '../store/transaction.ts'
import { isOfLiving } from '../tasks/task-rules.ts'
import { tellTooLate } from './wish-rows.ts'

/** One step of a workflow or pipeline: a goal for the agent, or a shell command. `timeout` in seconds. */
export interface RunStep {
  name?: string
  goal?: string
  command?: string
  timeout?: number
}

/** One execution of a task, with all that is known of it. Times are ISO 8601 UTC. */
export interface Run {
  id: string
  projectId: string
  taskId: string
  name: string
  goal: string
  runType: RunType
  options: Record<string, unknown>
  metadata: Record<string, unknown>
  steps: RunStep[] | null
  status: RunStatus
  currentIteration: number
  attempt: number
  workerId: string | null
  agentId: string | null
  sessionId: string | null
  model: string | null
  branch: string | null
  base: string | null
  commits: Commit[]
  diffSummary: { files: number; insertions: number; deletions: number } | null
  tokens: Tokens | null
  costUsd: number
  toolCalls: number
  leaseUntil: string | null
  epoch: number
  /** The machine of its holder, by the name that it gave itself. */
  machine: string | null
  error: string | null
  retryOf: string | null
  createdAt: string
  startedAt: string | null
  finishedAt: string | null
}

/** The run as it is shown. */
export function toRun(row: RunRow): Run {
  return {
    id: row.id,
    projectId: row.project_id,
    taskId: row.task_id,
    name: row.name,
    goal: row.goal,
    runType: row.run_type,
    options: JSON.parse(row.options),
    metadata: JSON.parse(row.metadata),
    steps: row.steps === null ? null : JSON.parse(row.steps),
    status: row.status,
    currentIteration: row.current_iteration,
    attempt: row.attempt,
    workerId: row.worker_id,
    agentId: row.agent_id,
    sessionId: row.session_id,
    model: row.model,
    branch: row.branch,
    base: row.base,
    commits: JSON.parse(row.commits),
    diffSummary: row.diff_summary === null ? null : JSON.parse(row.diff_summary),
    tokens: row.tokens === null ? null : JSON.parse(row.tokens),
    costUsd: row.cost_usd,
    toolCalls: row.tool_calls,
    leaseUntil: row.lease_until === null ? null : new Date(row.lease_until).toISOString(),
    epoch: row.epoch,
    machine: row.machine,
    error: row.error,
    retryOf: row.retry_of,
    createdAt: row.created_at,
    startedAt: row.started_at,
    finishedAt: row.finished_at,
  }
}

/** The run with this id that a customer may see; null for all customers. Throws NOT_FOUND. */
export async function runRow(db: Kysely<Schema>, customer: string | null, id: string): Promise<RunRow> {
  const [row] = await living({ db }, { id })
  if (!row || (customer !== null && row.customer !== customer)) throw new RunnerError('NOT_FOUND', `there is no run ${JSON.stringify(id)}`)
  return row
}

/** A run and its task, both held until the transaction ends; the task first, as everywhere. Throws NOT_FOUND. */
export async function heldRun(tx: Tx, customer: string | null, id: string): Promise<{ run: RunRow; task: TaskRow }> {
  const { task_id } = await runRow(tx.db, customer, id)
  const task = await tx.differs.held(tx.db.selectFrom('tasks').selectAll().where('id', '=', task_id)).executeTakeFirstOrThrow()
  const run = await heldRunNamed(tx, id)
  if (!run) throw new RunnerError('NOT_FOUND', `there is no run ${JSON.stringify(id)}`)
  return { run, task }
}

/** The latest run of a task. */
export function latestRun(db: Kysely<Schema>, taskId: string): Promise<RunRow | undefined> {
  return db.selectFrom('runs').selectAll().where('task_id', '=', taskId).orderBy('seq', 'desc').limit(1).executeTakeFirst()
}

/** The run with this id, if there is one. */
export async function runNamed(db: Kysely<Schema>, id: string): Promise<RunRow | undefined> {
  return (await named({ db }, { id }))[0]
}

const living = prepared(({ db }: Pick<Tx, 'db'>, { id }: { id: string }) =>
  db.selectFrom('runs').selectAll().where('id', '=', id).where(isOfLiving('runs')),
)

const named = prepared(({ db }: Pick<Tx, 'db'>, { id }: { id: string }) => db.selectFrom('runs').selectAll().where('id', '=', id))

/** The same, held until the transaction ends. Whoever needs its task too holds that first. */
export async function heldRunNamed(tx: Tx, id: string): Promise<RunRow | undefined> {
  return (await heldNamed(tx, { id }))[0]
}

const heldNamed = prepared(({ db, differs }: Tx, { id }: { id: string }) =>
  differs.held(db.selectFrom('runs').selectAll().where('id', '=', id)),
)

/** What a run is made with, beside its task. */
export type RunWish = Partial<Pick<NewRunRow, 'id' | 'name' | 'goal' | 'run_type' | 'options' | 'metadata' | 'steps' | 'retry_of'>>

/** A new QUEUED run of a task, with its event. Left out, all is as in `like`, an earlier run, or as the task says. */
export async function addRun(tx: Tx, task: TaskRow, wish: RunWish, like?: RunRow): Promise<RunRow> {
  const row = await tx.db
    .insertInto('runs')
    .values({
      project_id: task.project_id,
      customer: task.customer,
      task_id: task.id,
      run_type: like?.run_type ?? 'task',
      options: like?.options ?? '{}',
      metadata: like?.metadata ?? '{}',
      steps: like?.steps ?? null,
      status: 'QUEUED',
      created_at: tx.at,
      ...wish,
      id: wish.id ?? newRunId(),
      name: wish.name ?? like?.name ?? nameFrom(task.title),
      goal: wish.goal ?? like?.goal ?? (task.description || task.title),
    })
    .returningAll()
    .executeTakeFirstOrThrow()
  tx.stored(row.customer, ROW_BYTES + bytesOf(row.name, row.goal, row.options, row.metadata, row.steps))
  tx.happened(row.seq, 'RUN_CREATED', { name: row.name, task: task.id, ...(row.retry_of && { retry_of: row.retry_of }) })
  return row
}

/** A run's name when nobody gave one: the first words of what is to be done. */
export function nameFrom(text: string): string {
  const line = text.trim().split('\n', 1)[0]!.trimEnd()
  return line.length <= 60 ? line : `${line.slice(0, 60).replace(/\s+\S*$/, '')}…`
}

/** Changes the state and adds its event, if the table of transitions allows it; throws RUN_STATE otherwise. The run must be locked. */
export async function transition(
  tx: Tx,
  run: RunRow,
  to: RunStatus,
  event: { type: string; data?: Record<string, unknown>; origin?: Parameters<Tx['happened']>[3] },
  change: UpdateObject<Schema, 'runs'> = {},
): Promise<RunRow> {
  guard(run, to)
  const ended = isOver(to) ? { finished_at: tx.at, lease_until: null } : {}
  const moved = await tx.db
    .updateTable('runs')
    .set({ status: to, ...ended, ...change })
    .where('seq', '=', run.seq)
    .where('status', '=', run.status)
    .returningAll()
    .executeTakeFirstOrThrow()
  if (isOver(to)) await tellTooLate(tx, run, to)
  tx.happened(run.seq, event.type, event.data ?? {}, event.origin)
  return moved
}

/** Which worker takes a run, and for how long in milliseconds; null without an end. */
export interface Start {
  id: string
  agent: string
  machine: string | null
  epoch: number
  leaseMs: number | null
}

/** A QUEUED run becomes RUNNING under its holder, in one statement; the same as a transition. Its task must be held. */
export async function startRun(tx: Tx, was: string, start: Start): Promise<RunRow> {
  const shape = `${start.id === was ? 'as it is' : 'renamed'}, ${start.leaseMs === null ? 'for ever' : 'for a time'}` as const
  const [run] = await started(tx, shape, { ...start, was, at: tx.at })
  tx.happened(run!.seq, 'RUN_STARTED', { agent: start.agent, attempt: run!.attempt, ...(was !== run!.id && { was }) })
  return run!
}

const started = preparedByShape(
  ({ db, differs }: Tx, v: Start & { was: string; at: string }, shape: `${'as it is' | 'renamed'}, ${'for ever' | 'for a time'}`) =>
    db
      .updateTable('runs')
      .set(eb => ({
        // Setting an indexed column costs time, even to the same value.
        ...(shape.startsWith('renamed') && { id: v.id }),
        ...{ agent_id: v.agent, machine: v.machine, epoch: v.epoch, status: 'RUNNING', error: null },
        worker_id: eb.selectFrom('workers').select('id').where('agent_id', '=', v.agent).whereRef('workers.customer', '=', 'runs.customer'),
        lease_until: shape.endsWith('for ever') ? null : differs.later(v.leaseMs!),
        started_at: eb.fn.coalesce('started_at', eb.val(v.at)),
      }))
      .where('id', '=', v.was)
      .where('status', '=', 'QUEUED')
      .returningAll(),
)
