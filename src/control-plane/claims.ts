import type { ExpressionBuilder, Kysely } from 'kysely'
import { newRunId } from '../core/ids.ts'
import type { Holding } from '../core/ports.ts'
import type { AgentIdentity } from '../core/task.ts'
import type { Differences } from './differences.ts'
import { fullProjects } from './projects.ts'
import { isLabelled, isOffered, isUnblocked, offerFor } from './rules.ts'
import { addRun, latestRun, runNamed, startRun } from './run-rows.ts'
import type { ProjectRow, RunRow, Schema, TaskRow } from './schema.ts'
import { type BoardTask, readTasks, type TaskQuery, writeHistory } from './task-rows.ts'
import type { Tx } from './transaction.ts'
import { type Claimer, touchWorker } from './workers.ts'

/** Whose tasks are handed out: one project's, or all of a customer. */
export type QueueScope = { projectId: string } | { customer: string }

/** The first task of the queue that this agent could take: highest priority first, then the oldest. Takes nothing. */
export async function look(db: Kysely<Schema>, scope: QueueScope, agent: Claimer): Promise<BoardTask | null> {
  const full = await fullProjects(db, scope)
  const [task] = await readTasks(db, tasks => firstInQueue(tasks, scope, agent, full))
  return task ?? null
}

/** The query of a look, apart so that its plan can be shown. Nothing is taken from `full` projects. */
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

/** What a claim must know of a task before it tries. */
type Candidate = Pick<TaskRow, 'id' | 'project_id' | 'waiting_run'> & Pick<ProjectRow, 'max_running'>

const maxRunning = (eb: ExpressionBuilder<Schema, 'tasks'>) =>
  eb.selectFrom('projects').select('max_running').whereRef('projects.id', '=', 'tasks.project_id').as('max_running')

/** Takes the first task of the queue that nobody else is taking at this moment; null when there is none. */
export async function takeNext(
  tx: Tx,
  scope: QueueScope,
  agent: Claimer,
  runId: string | undefined,
  lease: LeaseMs,
): Promise<Taken | null> {
  for (let full: string[] = []; ; ) {
    const query = firstInQueue(tx.db.selectFrom('tasks'), scope, agent, full)
      .select(['tasks.id', 'tasks.project_id', 'tasks.waiting_run'])
      .select(maxRunning)
    const [first] = (await tx.differs.skippingHeld(query, 'tasks').execute()) as Candidate[]
    const taken = first && (await take(tx, agent, first, runId, lease))
    if (!first || taken) return taken ?? null
    // Its project is full, or the run id that was brought is another run's; only the first can be passed by.
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
  const id = runId ?? waiting ?? newRunId()
  const task = await tx.db
    .updateTable('tasks')
    .set(eb => ({
      status: 'under_work',
      locked_by: agent.id,
      locked_at: tx.at,
      run_id: id,
      claimed_from: eb.ref('status'),
      waiting_run: null,
      epoch: eb('epoch', '+', 1),
      updated_at: tx.at,
    }))
    .where('tasks.id', '=', taskId)
    .where(eb => isOffered(eb, offerFor(agent)))
    .where(eb => isLabelled(eb, agent.labels ?? []))
    .where(isUnblocked)
    .returningAll()
    .executeTakeFirst()
  if (!task) return null
  const worker = await touchWorker(tx, task.customer, agent)
  const from = waiting ?? (await addRun(tx, task, { id }, await latestRun(tx.db, taskId))).id
  const held = { id, agent_id: agent.id, worker_id: worker, epoch: task.epoch, lease_until: leaseUntil(tx.differs, lease) }
  const run = await startRun(tx, from, held)
  await claimLine(tx, task, agent, id, task.claimed_from)
  return { task, run }
}

/** The project's row is held, so that of claims in a limited project one after the other counts. */
async function isFull(tx: Tx, projectId: string): Promise<boolean> {
  await tx.differs.held(tx.db.selectFrom('projects').select('id').where('id', '=', projectId)).execute()
  return (await fullProjects(tx.db, { projectId })).length > 0
}

/** When a lease that begins now is over, by the database's clock. */
export function leaseUntil(differs: Differences, lease: LeaseMs) {
  return lease === null ? null : differs.later(lease)
}

/** What this agent holds already stays its own, for another lease. A new run of it takes over from the old one, whose words count no more. */
export async function claimAgain(tx: Tx, agent: Claimer, task: TaskRow, runId: string, lease: LeaseMs): Promise<Taken | null> {
  await touchWorker(tx, task.customer, agent)
  const renewed = tx.db.updateTable('runs').set({ lease_until: leaseUntil(tx.differs, lease) })
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

function claimLine(tx: Tx, task: TaskRow, agent: AgentIdentity, runId: string, from: TaskRow['claimed_from']): Promise<void> {
  const what = { task_id: task.id, kind: 'claimed', run_id: runId, epoch: task.epoch, note: null } as const
  return writeHistory(tx, { ...what, who: agent.id, from_status: from, to_status: 'under_work' })
}

/** How the task stands with regard to this agent. What this agent could not be given any more is `finished` for it. */
export async function holding(db: Kysely<Schema>, customer: string | null, agent: AgentIdentity, taskId: string): Promise<Holding> {
  const task = await db
    .selectFrom('tasks')
    .select(['locked_by', 'customer'])
    .select(eb => isOffered(eb, offerFor(agent)).as('offered'))
    .where('id', '=', taskId)
    .executeTakeFirst()
  if (!task || (customer !== null && task.customer !== customer)) return 'gone'
  if (task.locked_by !== null) return task.locked_by === agent.id ? 'ours' : 'someone_else'
  return task.offered ? 'free' : 'finished'
}
