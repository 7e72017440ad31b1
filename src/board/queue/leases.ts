import type { Kysely } from 'kysely'
import { isOver } from '../../contract/run-states.ts'
import { RunnerError } from '../../core/errors.ts'
import { backToQueue, type Holder } from '../runs/endings.ts'
import { heldRun, heldRunNamed, transition } from '../runs/run-rows.ts'
import type { Differences } from '../store/differences.ts'
import type { RunRow, Schema, TaskRow } from '../store/schema.ts'
import type { Tx } from '../store/transaction.ts'
import { stopNow } from '../tasks/task-moves.ts'
import { withNote, writeHistory } from '../tasks/task-rows.ts'
import { leaseUntil } from './claims.ts'
import type { LeaseLook, SeenLease } from './lease-watch.ts'
import { workOf } from './waiting-room.ts'

/** What a holder has: until when, and the counter by which its claim is told from others. */
export interface Lease {
  epoch: number
  /** ISO 8601 UTC; null: no expiry. */
  until: string | null
}

/** The lease of a run as it stands. */
export const leaseOf = (run: Pick<RunRow, 'epoch' | 'lease_until'>): Lease => ({
  epoch: run.epoch,
  until: run.lease_until === null ? null : new Date(run.lease_until).toISOString(),
})

/** The run, if it is this holder's by its latest claim. Throws LEASE_LOST, and then nothing may be changed. */
export function ofHolder<R extends Pick<RunRow, 'id' | 'task_id' | 'agent_id' | 'epoch' | 'customer'>>(
  run: R | undefined,
  customer: string | null,
  holder: Holder,
): R {
  const theirs = run && (customer === null || run.customer === customer) && run.agent_id === holder.agentId
  // A runner's timeline may be sent under the run's own id, too.
  const isThere = holder.taskId === undefined || holder.taskId === run?.task_id || holder.taskId === run?.id
  if (!theirs || !isThere || (holder.epoch !== null && run.epoch !== holder.epoch))
    throw new RunnerError('LEASE_LOST', `${holder.agentId} does not hold ${holder.runId}, or no longer by this claim`)
  return run
}

/** Renews a lease, also one that is over as long as nobody has acted on it. Throws LEASE_LOST. */
export async function renew(tx: Tx, customer: string | null, holder: Holder, leaseMs: number | null): Promise<Lease> {
  const run = ofHolder(await heldRunNamed(tx, holder.runId), customer, holder)
  if (isOver(run.status) || run.worker_id === null)
    throw new RunnerError('LEASE_LOST', `${run.id} is ${run.status}${isOver(run.status) ? '' : ' and waits for whoever takes it'}`)
  const renewed = await tx.db
    .updateTable('runs')
    .set({ lease_until: leaseUntil(tx.differs, leaseMs) })
    .where('seq', '=', run.seq)
    .returning(['epoch', 'lease_until'])
    .executeTakeFirstOrThrow()
  await tx.db
    .updateTable('workers')
    .set({ last_seen: tx.at })
    .where('customer', '=', run.customer)
    .where('agent_id', '=', holder.agentId)
    .execute()
  return leaseOf(renewed)
}

/** All leases as they stand. Costs a walk along an index. */
export async function readLeases(db: Kysely<Schema>, differs: Differences): Promise<LeaseLook> {
  const leases = await db.selectFrom('runs').select(['id', 'epoch', 'lease_until as until']).where('lease_until', 'is not', null).execute()
  // Read the clock last: if it was set after one of these was written, the time differs from the expected one.
  const { now } = await db.selectNoFrom(differs.later(0).as('now')).executeTakeFirstOrThrow()
  return { now: Number(now), leases: leases as SeenLease[] }
}

/**
 * Releases a run whose lease is over: it goes back into the queue with its history, or out of circulation after too many losses. False
 * when it was renewed or ended meanwhile.
 */
export async function expire(tx: Tx, seen: SeenLease, maxExpiries: number): Promise<boolean> {
  const { run, task } = await heldRun(tx, null, seen.id)
  if (isOver(run.status) || run.lease_until !== seen.until || run.epoch !== seen.epoch) return false
  const expiries = run.expiries + 1
  const event = { type: 'RUN_RECOVERED', data: { agent: run.agent_id, reason: 'its runner was not heard of', expiries } }
  if (task.locked_by === null || task.run_id !== run.id) {
    tx.happened(run.seq, event.type, event.data)
    await stopNow(tx, run, task, 'control-plane', 'the task was taken away, and its runner was not heard of')
    return true
  }
  if (expiries >= maxExpiries) {
    const error = `its runner was lost ${expiries} times`
    await transition(tx, run, 'FAILED', { type: 'RUN_FAILED', data: { ...event.data, error } }, { error, expiries, worker_id: null })
    await letGo(tx, task, { status: 'pending', notes: withNote(task.notes, 'control-plane', error) }, error)
    return true
  }
  // Without its agent: whoever comes back late is told that it is lost.
  const again = await backToQueue(tx, run, event, { agent_id: null, machine: null, expiries, attempt: run.attempt + 1 })
  if (again.status === 'STOPPED') await letGo(tx, task, { status: 'cancelled' }, null)
  else
    await letGo(tx, task, { status: task.claimed_from ?? 'created', waiting_run: run.id, on_hold: again.status === 'PAUSED' ? 1 : 0 }, null)
  return true
}

async function letGo(tx: Tx, task: TaskRow, change: Partial<TaskRow> & Pick<TaskRow, 'status'>, note: string | null): Promise<void> {
  await tx.db
    .updateTable('tasks')
    .set({ locked_by: null, locked_at: null, updated_at: tx.at, ...change })
    .where('id', '=', task.id)
    .execute()
  tx.concerns(workOf(task.customer))
  const line = { task_id: task.id, kind: 'lease_over', note, run_id: task.run_id, epoch: task.epoch } as const
  await writeHistory(tx, task.customer, { ...line, who: task.locked_by ?? '', from_status: 'under_work', to_status: change.status })
}
