import { isOver, wrongState } from '../../contract/run-states.ts'
import { RunnerError } from '../../core/errors.ts'
import type { Wish } from '../../core/run.ts'
import { needRoom } from '../projects/storage.ts'
import { workOf } from '../queue/waiting-room.ts'
import type { RunRow, TaskRow } from '../store/schema.ts'
import type { Tx } from '../store/transaction.ts'
import { stopNow } from '../tasks/task-moves.ts'
import { heldRun, type Run, toRun, transition } from './run-rows.ts'
import { addWish, openWishes } from './wish-rows.ts'

/** The result of a wish: done at once, or `wishId` by which its runner confirms it. */
export interface Wished {
  run: Run
  wishId: string | null
}

/** Who makes the request; with `customer` null for the runs of all customers. */
export interface Wisher {
  customer: string | null
  name: string
}

/** A run that waits is PAUSED at once; one under work once its runner has ended the agent gently. Throws NOT_FOUND, RUN_STATE. */
export async function pause(tx: Tx, by: Wisher, id: string): Promise<Wished> {
  const { run, task } = await heldRun(tx, by.customer, id)
  if (run.status === 'QUEUED') {
    await tx.db.updateTable('tasks').set({ on_hold: 1, updated_at: tx.at }).where('id', '=', task.id).execute()
    return { run: toRun(await transition(tx, run, 'PAUSED', { type: 'RUN_PAUSED', data: { by: by.name } })), wishId: null }
  }
  return ask(tx, by, run, 'pause')
}

/** A PAUSED run that nobody holds waits for a runner again; one that is held is continued by its runner. Throws NOT_FOUND, RUN_STATE. */
export async function resume(tx: Tx, by: Wisher, id: string): Promise<Wished> {
  const { run, task } = await heldRun(tx, by.customer, id)
  if (run.status === 'PAUSED' && waits(run, task)) {
    await tx.db.updateTable('tasks').set({ on_hold: 0, updated_at: tx.at }).where('id', '=', task.id).execute()
    tx.concerns(workOf(task.customer))
    return { run: toRun(await transition(tx, run, 'QUEUED', { type: 'RUN_RESUMED', data: { by: by.name } })), wishId: null }
  }
  return ask(tx, by, run, 'resume')
}

/** Ends a run for good and takes its task out: at once when nobody holds it, else once its runner has. Throws NOT_FOUND, RUN_STATE. */
export async function stop(tx: Tx, by: Wisher, id: string, reason = ''): Promise<Wished> {
  const { run, task } = await heldRun(tx, by.customer, id)
  if (isOver(run.status)) throw wrongState(run, 'STOPPED')
  if (waits(run, task)) return { run: toRun(await stopNow(tx, run, task, by.name, reason)), wishId: null }
  const open = (await openWishes(tx.db, run.seq, ['stop'])).at(-1)
  return open ? { run: toRun(run), wishId: open.id } : wished(tx, by, run, { kind: 'stop', text: reason, mode: 'now' })
}

/** Tells the agent something: it is interrupted and resumed with the text, or told when its turn is over. Throws NOT_FOUND, RUN_STATE, STORAGE_FULL. */
export async function directive(tx: Tx, by: Wisher, id: string, { text, mode }: Pick<Wish, 'text' | 'mode'>): Promise<Wished> {
  if (text.trim() === '') throw new RunnerError('USAGE', 'text: must not be empty')
  const { run } = await heldRun(tx, by.customer, id)
  if (isOver(run.status))
    throw new RunnerError('RUN_STATE', `${run.id} is ${run.status}; only a QUEUED, RUNNING or PAUSED run can be directed`)
  await needRoom(tx, run.customer)
  return wished(tx, by, run, { kind: 'directive', text, mode })
}

const waits = (run: RunRow, task: TaskRow) => task.waiting_run === run.id

/** Asks the holder. Asking again for what was asked last is the same as asking once; its opposite can be asked before it is done. */
async function ask(tx: Tx, by: Wisher, run: RunRow, kind: 'pause' | 'resume'): Promise<Wished> {
  if (isOver(run.status)) throw refusal(run, kind)
  const last = (await openWishes(tx.db, run.seq, ['pause', 'resume'])).at(-1)
  if (last?.kind === kind) return { run: toRun(run), wishId: last.id }
  if (!last && run.status !== (kind === 'pause' ? 'RUNNING' : 'PAUSED')) throw refusal(run, kind)
  return wished(tx, by, run, { kind, text: '', mode: 'now' })
}

function refusal(run: RunRow, kind: 'pause' | 'resume'): RunnerError {
  if (kind === 'pause') return wrongState(run, 'PAUSED')
  return new RunnerError('RUN_STATE', `${run.id} is ${run.status}; only a PAUSED run can be resumed`)
}

async function wished(tx: Tx, by: Wisher, run: RunRow, wish: Omit<Wish, 'id'>): Promise<Wished> {
  return { run: toRun(run), wishId: await addWish(tx, run, by.name, wish) }
}
