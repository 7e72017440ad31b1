import type { Kysely } from 'kysely'
import { newRunId } from '../../core/ids.ts'
import type { Holding } from '../../core/ports/tracker.ts'
import type { AgentIdentity, Level } from '../../core/task.ts'
import { fullProjects } from '../projects/projects.ts'
import { isStorageFull } from '../projects/storage.ts'
import { addRun, latestRun, runNamed, startRun } from '../runs/run-rows.ts'
import type { Differences } from '../store/differences.ts'
import { preparedByShape } from '../store/prepared.ts'
import type { ProjectRow, RunRow, Schema, TaskRow } from '../store/schema.ts'
import type { Tx } from '../store/transaction.ts'
import { type BoardTask, readTasks, type TaskQuery, writeHistory } from '../tasks/task-rows.ts'
import { isLabelled, isOffered, isUnblocked, offerFor } from '../tasks/task-rules.ts'
import { type Claimer, touchWorker } from './workers.ts'

/** Whose tasks are handed out: one project's, or all of a customer. */
export type QueueScope = { projectId: string } | { customer: string }

/** The first task of the queue that this agent could take: highest priority first, then the oldest. Takes nothing. */
export async function look(db: Kysely<Schema>, scope: QueueScope, agent: Claimer): Promise<BoardTask | null> {
  const full = await fullProjects(db, scope)
  const [task] = await readTasks(db, tasks => firstInQueue(tasks, scope, agent, full))
  return task ?? null
}

/** The query of a look, as a function of its own so that its plan can be shown. Nothing is taken from `full` projects. */
export function firstInQueue(tasks: TaskQuery, scope: QueueScope, agent: Claimer, full: readonly string[] = []): TaskQuery {
  let query =
    'projectId' in scope ? tasks.where('tasks.project_id', '=', scope.projectId) : tasks.where('tasks.customer', '=', scope.customer)
  if (full.length > 0) query = query.where('tasks.project_id', 'not in', full)
  return query
    .where(eb => isOffered(eb, offerFor(agent)))
    .where(eb => isLabelled(eb, agent.labels ?? []))
    .where(isUnblocked)
    .orderBy('tasks.priority', 'desc')
    .orderBy('tasks.seq')
    .limit(1)
}

/** How long a claim holds, in milliseconds; null for a holder on this machine, whose lock file says that it is alive. */
export type LeaseMs = number | null

/** A task that was taken, with the run that works on it. */
export interface Taken {
  task: TaskRow
  run: RunRow
}

/** What a claim must know about a task before it tries. */
type Candidate = Pick<TaskRow, 'id' | 'project_id' | 'waiting_run'> & Pick<ProjectRow, 'max_running'>

/** For agents with the same kind of claim and without labels, the queries differ only in values. */
type Shape = `${'project' | 'customer'} ${Level}${'' | ' qa'}`

const shapeOf = (scope: QueueScope, { level, role }: AgentIdentity): Shape =>
  `${'projectId' in scope ? 'project' : 'customer'} ${level}${role === 'qa' ? ' qa' : ''}`

/** An agent of that shape, with the place of its role. */
const agentOf = (shape: Shape, role: string): Claimer => {
  const [, level, qa] = shape.split(' ') as [string, Level, string?]
  return { id: '', role: qa ?? role, level }
}

const candidate = (tx: Pick<Tx, 'db' | 'differs'>, scope: QueueScope, agent: Claimer, full: readonly string[] = []) =>
  tx.differs.skippingHeld(
    firstInQueue(tx.db.selectFrom('tasks'), scope, agent, full)
      .select(['tasks.id', 'tasks.project_id', 'tasks.waiting_run'])
      .select(eb => eb.selectFrom('projects').select('max_running').whereRef('projects.id', '=', 'tasks.project_id').as('max_running')),
    'tasks',
  )

const nextCandidate = preparedByShape((tx: Pick<Tx, 'db' | 'differs'>, v: { scope: string; role: string }, shape: Shape) =>
  candidate(tx, shape.startsWith('project') ? { projectId: v.scope } : { customer: v.scope }, agentOf(shape, v.role)),
)

/** Takes the first task of the queue that nobody else is taking at this moment; null when there is none. */
export async function takeNext(
  tx: Tx,
  scope: QueueScope,
  agent: Claimer,
  runId: string | undefined,
  lease: LeaseMs,
): Promise<Taken | null> {
  for (let full: string[] = []; ; ) {
    const [first] =
      full.length > 0 || agent.labels?.length
        ? await candidate(tx, scope, agent, full).execute()
        : await nextCandidate(tx, shapeOf(scope, agent), {
            scope: 'projectId' in scope ? scope.projectId : scope.customer,
            role: agent.role,
          })
    const taken = first && (await take(tx, agent, first, runId, lease))
    if (!first || taken) return taken ?? null
    // Its project is full, or the given run id belongs to another run. Only the first of these can be skipped.
    const known = full.length
    full = await fullProjects(tx.db, scope)
    if (full.length <= known) return null
  }
}

/** Takes this task, or null. Of any number of claims one wins; claiming what this agent holds already, by the same run, changes nothing. */
export async function claim(
  tx: Tx,
  customer: string | null,
  agent: Claimer,
  taskId: string,
  runId: string,
  lease: LeaseMs,
): Promise<Taken | null> {
  const task = await tx.differs.held(tx.db.selectFrom('tasks').selectAll().where('id', '=', taskId)).executeTakeFirst()
  if (!task || (customer !== null && task.customer !== customer)) return null
  if (task.locked_by === agent.id) return claimAgain(tx, agent, task, runId, lease)
  const { max_running } = await tx.db
    .selectFrom('projects')
    .select('max_running')
    .where('id', '=', task.project_id)
    .executeTakeFirstOrThrow()
  return take(tx, agent, { ...task, max_running }, runId, lease)
}

/** One statement finds the task free or finds nothing. Then its run starts. */
async function take(tx: Tx, agent: Claimer, candidate: Candidate, runId: string | undefined, lease: LeaseMs): Promise<Taken | null> {
  const { id: taskId, project_id, waiting_run: waiting, max_running } = candidate
  if (max_running !== null && (await isFull(tx, project_id))) return null
  if (runId !== undefined && runId !== waiting && (await runNamed(tx.db, runId))) return null
  // A run that is not there yet would have to be stored.
  if (!waiting && tx.quota !== null && (await isStorageFull(tx, await customerOf(tx, taskId)))) return null
  const id = runId ?? waiting ?? newRunId()
  const how = { agent: agent.id, run: id, task: taskId, at: tx.at, role: agent.role }
  const [task] = agent.labels?.length ? await locking(tx, how, agent).execute() : await locked(tx, shapeOf({ customer: '' }, agent), how)
  if (!task) return null
  const from = waiting ?? (await addRun(tx, task, { id }, await latestRun(tx.db, taskId))).id
  // In this order, and none waits for the answer to another.
  const [, run] = await Promise.all([
    touchWorker(tx, task.customer, agent),
    startRun(tx, from, { id, agent: agent.id, machine: agent.machine ?? null, epoch: task.epoch, leaseMs: lease }),
    claimLine(tx, task, agent, id, task.claimed_from),
  ])
  return { task, run }
}

interface Lock {
  agent: string
  run: string
  task: string
  at: string
}

/** Finds the task free, and then it is this agent's. */
const locking = ({ db }: Pick<Tx, 'db'>, { agent: locked_by, run, task, at }: Lock, agent: Claimer) =>
  db
    .updateTable('tasks')
    .set(eb => ({
      ...{ status: 'under_work', locked_by, locked_at: at, run_id: run, waiting_run: null, updated_at: at },
      claimed_from: eb.ref('status'),
      epoch: eb('epoch', '+', 1),
    }))
    .where('tasks.id', '=', task)
    .where(eb => isOffered(eb, offerFor(agent)))
    .where(eb => isLabelled(eb, agent.labels ?? []))
    .where(isUnblocked)
    .returningAll()

const locked = preparedByShape((on: Pick<Tx, 'db'>, v: Lock & { role: string }, shape: Shape) => locking(on, v, agentOf(shape, v.role)))

/** Locks the project's row, so that claims in a limited project are counted one after the other. */
async function isFull(tx: Tx, projectId: string): Promise<boolean> {
  await tx.differs.held(tx.db.selectFrom('projects').select('id').where('id', '=', projectId)).execute()
  return (await fullProjects(tx.db, { projectId })).length > 0
}

/** When a lease that begins now is over, by the database's clock. */
export function leaseUntil(differs: Differences, lease: LeaseMs) {
  return lease === null ? null : differs.later(lease)
}

/**
 * A task that this agent holds already stays its own, for another lease. A new run of the agent takes over from the old one, whose calls
 * no longer count. Another machine under the same agent id does not get it: once the lease of the first one is over, the task waits for
 * whoever takes it.
 */
export async function claimAgain(tx: Tx, agent: Claimer, task: TaskRow, runId: string, lease: LeaseMs): Promise<Taken | null> {
  if (await isElsewhere(tx.db, agent, task)) return null
  await touchWorker(tx, task.customer, agent)
  const held = { lease_until: leaseUntil(tx.differs, lease), ...(agent.machine !== undefined && { machine: agent.machine }) }
  const renewed = tx.db.updateTable('runs').set(held)
  if (task.run_id === runId) {
    const run = await renewed.where('id', '=', runId).returningAll().executeTakeFirst()
    return run ? { task, run } : null
  }
  if (await runNamed(tx.db, runId)) return null
  const next = await tx.db
    .updateTable('tasks')
    .set({ run_id: runId, epoch: task.epoch + 1, updated_at: tx.at })
    .where('id', '=', task.id)
    .returningAll()
    .executeTakeFirstOrThrow()
  const run = await renewed.set({ id: runId, epoch: next.epoch }).where('id', '=', task.run_id).returningAll().executeTakeFirstOrThrow()
  tx.happened(run.seq, 'RUN_RECOVERED', { agent: agent.id, was: task.run_id, reason: 'its agent has taken it anew' })
  await claimLine(tx, next, agent, runId, 'under_work')
  return { task: next, run }
}

/** Whether another machine under the same agent id holds the task, by a lease. */
async function isElsewhere(db: Kysely<Schema>, agent: Claimer, task: Pick<TaskRow, 'run_id'>): Promise<boolean> {
  if (agent.machine === undefined || task.run_id === null) return false
  const other = await db
    .selectFrom('runs')
    .select('seq')
    .where('id', '=', task.run_id)
    .where('machine', '!=', agent.machine)
    .where('lease_until', 'is not', null)
    .executeTakeFirst()
  return other !== undefined
}

async function customerOf({ db }: Tx, taskId: string): Promise<string> {
  return (await db.selectFrom('tasks').select('customer').where('id', '=', taskId).executeTakeFirstOrThrow()).customer
}

function claimLine(tx: Tx, task: TaskRow, agent: AgentIdentity, runId: string, from: TaskRow['claimed_from']): Promise<void> {
  const what = { task_id: task.id, kind: 'claimed', run_id: runId, epoch: task.epoch, note: null } as const
  return writeHistory(tx, task.customer, { ...what, who: agent.id, from_status: from, to_status: 'under_work' })
}

/** The state of the task from this agent's point of view. A task that this agent could no longer get is `finished` for it. */
export async function holding(db: Kysely<Schema>, customer: string | null, agent: Claimer, taskId: string): Promise<Holding> {
  const task = await db
    .selectFrom('tasks')
    .select(['locked_by', 'customer', 'run_id'])
    .select(eb => isOffered(eb, offerFor(agent)).as('offered'))
    .where('id', '=', taskId)
    .executeTakeFirst()
  if (!task || (customer !== null && task.customer !== customer)) return 'gone'
  if (task.locked_by !== null && task.locked_by !== agent.id) return 'someone_else'
  if (task.locked_by !== null) return (await isElsewhere(db, agent, task)) ? 'someone_else' : 'ours'
  return task.offered ? 'free' : 'finished'
}
