import { isOver } from '../../contract/run-states.ts'
import { RunnerError } from '../../core/errors.ts'
import { LIMITS } from '../../core/limits.ts'
import type { TaskStatus } from '../../core/task.ts'
import { isStorageFull } from '../projects/storage.ts'
import { workOf } from '../queue/waiting-room.ts'
import type { HistoryKind, HistoryRow, RunRow, TaskRow } from '../store/schema.ts'
import type { Tx } from '../store/transaction.ts'
import { isDryRun } from '../tasks/plan.ts'
import { withNote, writeHistory } from '../tasks/task-rows.ts'
import { doneStatus, isRestingStatus, isWaiting } from '../tasks/task-rules.ts'
import { addWaitingRun } from '../tasks/tasks.ts'
import { heldRunNamed, transition } from './run-rows.ts'
import { markDelivered, openWishes } from './wish-rows.ts'

/** Who holds a run, or says so. */
export interface Holder {
  agentId: string
  runId: string
  /** The task whose address is used, when the run must be one of it. */
  taskId?: string
  /** That of the claim; null for a holder on this machine, whose lock file says what it holds. */
  epoch: number | null
}

const END_KINDS = ['reported', 'given_back', 'parked', 'stopped'] as const satisfies HistoryKind[]
type EndKind = (typeof END_KINDS)[number]

/** How a run releases its task: with a status, back where it came from, out of circulation, or out for good on request. */
export interface Conclusion {
  kind: EndKind
  /** Only for `reported`: the workflow word that the task moves to. */
  status?: string
  note: string
}

/**
 * Ends a run: its status, and the task's status, lock, note and history, in one. Repeating the same end changes nothing. `lost` when the
 * agent does not hold the task, or holds it by a later claim than this one. Throws TRACKER_REFUSED for a status that no task can end in.
 */
export async function conclude(
  tx: Tx,
  customer: string | null,
  holder: Holder,
  taskId: string,
  { kind, status, note: told }: Conclusion,
): Promise<'reported' | 'lost'> {
  const { agentId, runId, epoch } = holder
  const task = await tx.differs.held(tx.db.selectFrom('tasks').selectAll().where('id', '=', taskId)).executeTakeFirst()
  if (!task || (customer !== null && task.customer !== customer)) return 'lost'
  const said = await tx.db
    .selectFrom('task_history')
    .select(['kind', 'epoch', 'who', 'to_status'])
    .where('task_id', '=', taskId)
    .where('run_id', '=', runId)
    .execute()
  const ends = said.filter(line => line.who === agentId && (END_KINDS as readonly HistoryKind[]).includes(line.kind))
  const holds = task.locked_by === agentId && (epoch === null || epoch === task.epoch)
  // A run that was given back may be under work again by a later claim that has not ended.
  const again = holds && task.run_id === runId && !ends.some(end => end.epoch === task.epoch)
  const before = again ? undefined : ends.findLast(end => epoch === null || end.epoch === epoch)
  if (before) return (await isSameEnd(tx, runId, before, { kind, status })) ? 'reported' : 'lost'
  if (!holds) return kind === 'stopped' ? confirmStop(tx, holder) : 'lost'
  // A run that the board never saw belongs to the same agent, which adopted it from an older runner; one that it saw and that was
  // followed by another is history.
  if (task.run_id !== runId && (said.length > 0 || epoch !== null)) return 'lost'
  // The end of a run is never refused. If its customer may store nothing more, it is recorded in fewer words.
  const full = await isStorageFull(tx, task.customer)
  const note = full ? told.slice(0, LIMITS.noteWhenFull.most).toWellFormed() : told
  // Lock it, since events of the runner may change its state at the same time.
  const run = task.run_id === null ? undefined : await heldRunNamed(tx, task.run_id)
  const wanted = endStatus(kind, task, status)
  // Nothing was done: tasks that depend on it keep waiting, QA has nothing to check, and a person decides whether it is to be done.
  const to = kind === 'reported' && run && isDryRun(run.options) ? 'pending' : wanted
  const after = run && !isOver(run.status) ? await endRun(tx, run, kind, to, note, agentId) : undefined
  const gone = after?.status === 'STOPPED' ? 'cancelled' : to
  const waits = after && !isOver(after.status) ? after : undefined
  const released = { status: gone, locked_by: null, locked_at: null, notes: withNote(task.notes, agentId, note), updated_at: tx.at }
  await tx.db
    .updateTable('tasks')
    .set({ ...released, waiting_run: waits?.id ?? null, on_hold: waits?.status === 'PAUSED' ? 1 : 0 })
    .where('id', '=', taskId)
    .execute()
  // This concerns other tasks too: those that waited for this one, and those of a project that was full.
  tx.concerns(workOf(task.customer))
  const line = { task_id: taskId, kind, note, run_id: runId, epoch: task.epoch } as const
  await writeHistory(tx, task.customer, { ...line, who: agentId, from_status: 'under_work', to_status: gone })
  await seen(tx, task.customer, agentId)
  // Work that was sent back, or comes to whoever takes the task's kind first, waits in a run of its own, which its claim makes where there is no room now.
  if (!waits && !full && isWaiting({ ...task, status: gone })) await addWaitingRun(tx, task)
  return 'reported'
}

/** Whether this end is recorded already. A reported status may have become another one: in a dry run, or by a request to stop. */
async function isSameEnd(
  tx: Tx,
  runId: string,
  before: Pick<HistoryRow, 'kind' | 'to_status'>,
  { kind, status }: Pick<Conclusion, 'kind' | 'status'>,
): Promise<boolean> {
  if (before.kind !== kind) return false
  if (kind !== 'reported' || status === undefined || before.to_status === status || before.to_status === 'cancelled') return true
  return before.to_status === 'pending' && isDryRun((await heldRunNamed(tx, runId))?.options ?? '{}')
}

function endStatus(kind: EndKind, task: TaskRow, status: string = doneStatus(task)): TaskStatus {
  if (kind === 'parked') return 'pending'
  if (kind === 'stopped') return 'cancelled'
  const to = kind === 'given_back' ? (task.claimed_from ?? 'created') : status
  if (!isRestingStatus(to)) throw new RunnerError('TRACKER_REFUSED', `a task cannot end in the status ${JSON.stringify(to)}`)
  return to
}

function endRun(tx: Tx, run: RunRow, kind: EndKind, status: TaskStatus, note: string, by: string): Promise<RunRow> {
  const data = { by, status, note }
  if (kind === 'reported') return transition(tx, run, 'COMPLETED', { type: 'RUN_COMPLETED', data })
  if (kind === 'parked') return transition(tx, run, 'FAILED', { type: 'RUN_FAILED', data }, { error: note.slice(0, 2_000) || 'parked' })
  if (kind === 'stopped') return stopped(tx, run, by, note)
  return backToQueue(tx, run, { type: 'RUN_RECOVERED', data: { agent: by, reason: 'given back', note } })
}

async function stopped(tx: Tx, run: RunRow, by: string, note: string): Promise<RunRow> {
  await markDelivered(tx, run.seq, { kinds: ['stop', 'pause', 'resume'] })
  return transition(tx, run, 'STOPPED', { type: 'RUN_STOPPED', data: { by, note } })
}

/**
 * Handles a run whose holder released it or was lost. Requests that the holder has not carried out are carried out now: the run is
 * stopped for good or kept PAUSED. A PAUSED run stays so, since it must not go on before somebody resumes it.
 */
export async function backToQueue(
  tx: Tx,
  run: RunRow,
  event: { type: string; data: Record<string, unknown> },
  change = {},
): Promise<RunRow> {
  const wishes = await openWishes(tx.db, run.seq, ['stop', 'pause', 'resume'])
  await markDelivered(tx, run.seq, { kinds: ['stop', 'pause', 'resume'] })
  if (wishes.some(wish => wish.kind === 'stop')) {
    tx.happened(run.seq, event.type, event.data)
    return transition(tx, run, 'STOPPED', { type: 'RUN_STOPPED', data: { reason: 'as was asked' } }, change)
  }
  const last = wishes.at(-1)?.kind ?? (run.status === 'PAUSED' ? 'pause' : 'resume')
  const free = { ...change, lease_until: null, worker_id: null }
  if (last === 'resume') return transition(tx, run, 'QUEUED', event, free)
  tx.happened(run.seq, event.type, event.data)
  if (run.status !== 'PAUSED') return transition(tx, run, 'PAUSED', { type: 'RUN_PAUSED', data: { reason: 'as was asked' } }, free)
  return tx.db.updateTable('runs').set(free).where('seq', '=', run.seq).returningAll().executeTakeFirstOrThrow()
}

/** A task that was cancelled while its run was held elsewhere: the run ends when its holder says so. */
async function confirmStop(tx: Tx, { agentId, runId, epoch }: Holder): Promise<'reported' | 'lost'> {
  const run = await heldRunNamed(tx, runId)
  if (!run || run.agent_id !== agentId || (epoch !== null && run.epoch !== epoch)) return 'lost'
  if (run.status === 'STOPPED') return 'reported'
  if (isOver(run.status) || run.worker_id === null) return 'lost'
  await stopped(tx, run, agentId, '')
  return 'reported'
}

async function seen(tx: Tx, customer: string, agentId: string): Promise<void> {
  await tx.db.updateTable('workers').set({ last_seen: tx.at }).where('customer', '=', customer).where('agent_id', '=', agentId).execute()
}
