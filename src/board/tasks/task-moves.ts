import type { Kysely } from 'kysely'
import { isOver, wrongState } from '../../contract/run-states.ts'
import { RunnerError } from '../../core/errors.ts'
import type { TaskStatus } from '../../core/task.ts'
import { needRoom } from '../projects/storage.ts'
import { workOf } from '../queue/waiting-room.ts'
import { heldRun, latestRun, type RunWish, transition } from '../runs/run-rows.ts'
import { addWish, openWishes } from '../runs/wish-rows.ts'
import type { RunRow, Schema, TaskRow } from '../store/schema.ts'
import type { Tx } from '../store/transaction.ts'
import { isDryRun } from './plan.ts'
import { type BoardTask, heldTask, taskOf, withNote, writeHistory } from './task-rows.ts'
import { CLOSED, firstStatus, isWaiting, restingStatusNamed } from './task-rules.ts'
import { addWaitingRun } from './tasks.ts'

interface Move {
  by: string
  note?: string
  /** Why the task cannot be moved from where it stands; null when it can. */
  refuse?: (task: TaskRow) => string | null
}

/**
 * Moves a task by hand and opens its lock: who held it finds that out at the next heartbeat. Its run ends, and where it waits for an agent
 * again it gets a new one. Where it is already, nothing changes. Throws TASK_UNKNOWN, STORAGE_FULL, USAGE.
 */
async function moveTask(tx: Tx, customer: string | null, id: string, to: (task: TaskRow) => TaskStatus, move: Move): Promise<void> {
  const task = await heldTask(tx, customer, id)
  const status = to(task)
  const refusal = move.refuse?.(task)
  if (refusal) throw new RunnerError('USAGE', refusal)
  if (task.status === status) return
  if (status !== 'cancelled') await needRoom(tx, task.customer)
  await endRuns(tx, task, status, move.by, move.note ?? '')
  await place(tx, task, status, move.by, move.note ?? '')
  if (isWaiting({ ...task, status })) await addWaitingRun(tx, task, await reallyNow(tx, task.id))
}

/** A task that was parked by a dry run and is put into the queue again must really be done. */
async function reallyNow(tx: Tx, taskId: string): Promise<RunWish> {
  const last = await latestRun(tx.db, taskId)
  if (last?.status !== 'COMPLETED' || !isDryRun(last.options)) return {}
  const { dry_run: _, ...options } = JSON.parse(last.options) as Record<string, unknown>
  return { options: JSON.stringify(options) }
}

/** Cancels a task for good, also one under work. Throws TASK_UNKNOWN, or USAGE when it is finished already. */
export async function cancelTask(tx: Tx, customer: string | null, id: string, by: string): Promise<BoardTask> {
  await moveTask(tx, customer, id, () => 'cancelled', { by, refuse: refuseCancel })
  return taskOf(tx.db, customer, id)
}

/** Puts a parked or cancelled task back into the queue. Throws TASK_UNKNOWN, or USAGE when it is elsewhere. */
export async function requeueTask(tx: Tx, customer: string | null, id: string, by: string): Promise<BoardTask> {
  await moveTask(tx, customer, id, task => firstStatus(task.role), { by, refuse: refuseRequeue })
  return taskOf(tx.db, customer, id)
}

/** A person moves a task to any status but `under_work` and opens its lock. Throws TASK_UNKNOWN, or USAGE. */
export async function placeTask(tx: Tx, customer: string | null, id: string, status: string, by: string, note = ''): Promise<BoardTask> {
  const to = restingStatusNamed(status)
  await moveTask(tx, customer, id, () => to, { by, note })
  return taskOf(tx.db, customer, id)
}

/** The task in a new status, with its lock open and its line of history. */
async function place(tx: Tx, task: TaskRow, status: TaskStatus, by: string, note: string): Promise<void> {
  const free = { locked_by: null, locked_at: null, waiting_run: null, on_hold: 0 }
  const change = { ...free, status, notes: withNote(task.notes, by, note), updated_at: tx.at }
  await tx.db.updateTable('tasks').set(change).where('id', '=', task.id).execute()
  tx.concerns(workOf(task.customer))
  const line = {
    task_id: task.id,
    kind: 'moved',
    note: note || null,
    run_id: task.locked_by ? task.run_id : null,
    epoch: task.epoch,
  } as const
  await writeHistory(tx, task.customer, { ...line, who: by, from_status: task.status, to_status: status })
}

/** Ends all runs of a task that are not over. One that a runner elsewhere is at is asked to end, unless the task is to be handed out again. */
async function endRuns(tx: Tx, task: TaskRow, status: TaskStatus, by: string, note: string): Promise<void> {
  for (const run of await openRuns(tx, task.id)) {
    const leased = run.lease_until !== null && task.waiting_run !== run.id
    if (leased && status === 'cancelled') {
      if ((await openWishes(tx.db, run.seq, ['stop'])).length === 0) await addWish(tx, run, by, { kind: 'stop', text: note, mode: 'now' })
    } else {
      const reason = note || (status === 'cancelled' ? 'the task was cancelled' : `the task was moved to ${status}`)
      await transition(tx, run, 'STOPPED', { type: 'RUN_STOPPED', data: { by, reason } })
    }
  }
}

async function openRuns(tx: Tx, taskId: string): Promise<RunRow[]> {
  const rows = await tx.differs
    .held(tx.db.selectFrom('runs').selectAll().where('task_id', '=', taskId))
    .orderBy('seq')
    .execute()
  return rows.filter(run => !isOver(run.status))
}

/** Ends a run that nobody holds, or no longer, and takes its task out. */
export async function stopNow(tx: Tx, run: RunRow, task: TaskRow, by: string, reason: string): Promise<RunRow> {
  const stopped = await transition(tx, run, 'STOPPED', { type: 'RUN_STOPPED', data: { by, ...(reason && { reason }) } })
  if (task.waiting_run === run.id || task.run_id === run.id) {
    if (task.locked_by !== null || task.waiting_run === run.id) await place(tx, task, 'cancelled', by, reason)
  }
  return stopped
}

/** A new QUEUED run of the same task, which goes back to where the run found it. Throws NOT_FOUND, STORAGE_FULL, RUN_STATE while a run of the task is not over. */
export async function retryRun(tx: Tx, customer: string | null, id: string, by: string): Promise<RunRow> {
  const { run, task } = await heldRun(tx, customer, id)
  if (!isOver(run.status)) throw wrongState(run, 'QUEUED')
  const [open] = await openRuns(tx, task.id)
  if (open)
    throw new RunnerError(
      'RUN_STATE',
      `${open.id}, a run of the same task, is ${open.status}; a ${run.status} run is QUEUED again when no other one is under way`,
    )
  await needRoom(tx, task.customer)
  const status = await statusBefore(tx.db, run, task)
  if (task.status !== status) await place(tx, task, status, by, '')
  return addWaitingRun(tx, task, { retry_of: run.id }, run)
}

/** The status in which a run found its task; the task's first one when nobody had taken it. */
async function statusBefore(db: Kysely<Schema>, run: RunRow, task: TaskRow): Promise<TaskStatus> {
  const claim = await db
    .selectFrom('task_history')
    .select('from_status')
    .where('task_id', '=', task.id)
    .where('run_id', '=', run.id)
    .where('kind', '=', 'claimed')
    .orderBy('seq')
    .limit(1)
    .executeTakeFirst()
  return claim?.from_status ?? firstStatus(task.role)
}

/** Why a task cannot be cancelled; null when it can, at any time before it is through QA. */
function refuseCancel({ id, status }: TaskRow): string | null {
  return CLOSED.includes(status) ? `${id} is ${status} already; only what is not finished can be cancelled` : null
}

/** Why a task cannot go back into the queue; null when it can: it is parked, cancelled, or there already. */
function refuseRequeue({ id, role, status, locked_by }: TaskRow): string | null {
  if (status === 'pending' || status === 'cancelled' || status === firstStatus(role)) return null
  if (locked_by !== null) return `${id} is under work by ${locked_by}; cancel it first to take it away`
  return `${id} is ${status}; only a parked or cancelled task can go back into the queue`
}
