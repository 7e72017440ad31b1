import type { Kysely } from 'kysely'
import { newRunId } from '../core/ids.ts'
import type { Holding } from '../core/ports.ts'
import type { AgentIdentity } from '../core/task.ts'
import type { Differences } from './differences.ts'
import { fullProjects } from './projects.ts'
import { isLabelled, isOffered, isUnblocked, offerFor } from './rules.ts'
import { addRun, latestRun, runNamed, transition } from './run-rows.ts'
import type { Schema, TaskRow } from './schema.ts'
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

/** Takes the first task of the queue that nobody else is taking at this moment, and answers its id; null when there is none. */
export async function takeNext(
  tx: Tx,
  scope: QueueScope,
  agent: Claimer,
  runId: string | undefined,
  lease: LeaseMs,
): Promise<string | null> {
  for (;;) {
    const full = await fullProjects(tx.db, scope)
    const query = firstInQueue(tx.db.selectFrom('tasks'), scope, agent, full).select('tasks.id')
    const [first] = await tx.differs.skippingHeld(query, 'tasks').execute()
    if (!first) return null
    if (await take(tx, agent, first.id, runId, lease)) return first.id
    // Full in the meantime, or the run id that was brought is another run's: of these only the first passes by itself.
    if ((await fullProjects(tx.db, scope)).length <= full.length) return null
  }
}

/** Takes this task. Of any number of claims one wins; claiming what this agent holds already, by the same run, changes nothing. */
export async function claim(
  tx: Tx,
  customer: string | null,
  agent: Claimer,
  taskId: string,
  runId: string,
  lease: LeaseMs,
): Promise<'ours' | 'taken'> {
  const task = await tx.differs.held(tx.db.selectFrom('tasks').selectAll().where('id', '=', taskId)).executeTakeFirst()
  if (!task || (customer !== null && task.customer !== customer)) return 'taken'
  if (task.locked_by === agent.id) return claimAgain(tx, agent, task, runId, lease)
  return (await take(tx, agent, taskId, runId, lease)) ? 'ours' : 'taken'
}

/** One statement finds the task free or finds nothing. Then its run starts. */
async function take(tx: Tx, agent: Claimer, taskId: string, runId: string | undefined, lease: LeaseMs): Promise<boolean> {
  const task = await tx.db
    .selectFrom('tasks')
    .innerJoin('projects', 'projects.id', 'tasks.project_id')
    .select(['tasks.project_id', 'tasks.waiting_run', 'projects.max_running'])
    .where('tasks.id', '=', taskId)
    .executeTakeFirst()
  if (!task || (task.max_running !== null && (await isFull(tx, task.project_id)))) return false
  const brought = runId !== undefined && runId !== task.waiting_run
  if (brought && (await runNamed(tx.db, runId))) return false
  const id = runId ?? task.waiting_run ?? newRunId()
  const won = await tx.db
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
  if (!won) return false
  const worker = await touchWorker(tx, won.customer, agent)
  const waiting = task.waiting_run === null ? undefined : await runNamed(tx.db, task.waiting_run)
  const run = waiting ?? (await addRun(tx, won, { id }, await latestRun(tx.db, taskId)))
  const held = { id, agent_id: agent.id, worker_id: worker, epoch: won.epoch, lease_until: leaseUntil(tx.differs, lease) }
  const data = { agent: agent.id, attempt: run.attempt, ...(id !== run.id && { was: run.id }) }
  await transition(tx, run, 'RUNNING', { type: 'RUN_STARTED', data }, { ...held, started_at: run.started_at ?? tx.at, error: null })
  await claimLine(tx, won, agent, id, won.claimed_from)
  return true
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

/** What this agent holds already stays its own. A new run of it takes over from the old one, whose words count no more. */
async function claimAgain(tx: Tx, agent: Claimer, task: TaskRow, runId: string, lease: LeaseMs): Promise<'ours' | 'taken'> {
  const run = await runNamed(tx.db, task.run_id ?? '')
  await touchWorker(tx, task.customer, agent)
  const held = { lease_until: leaseUntil(tx.differs, lease) }
  if (task.run_id === runId) {
    if (run) await tx.db.updateTable('runs').set(held).where('seq', '=', run.seq).execute()
    return 'ours'
  }
  if (await runNamed(tx.db, runId)) return 'taken'
  const epoch = task.epoch + 1
  await tx.db.updateTable('tasks').set({ run_id: runId, epoch, updated_at: tx.at }).where('id', '=', task.id).execute()
  if (run) {
    await tx.db
      .updateTable('runs')
      .set({ ...held, id: runId, epoch })
      .where('seq', '=', run.seq)
      .execute()
    tx.happened(run.seq, 'RUN_RECOVERED', { agent: agent.id, was: run.id, reason: 'its agent has taken it anew' })
  }
  await claimLine(tx, { ...task, epoch }, agent, runId, 'under_work')
  return 'ours'
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
