import { type Kysely, sql } from 'kysely'
import { RunnerError } from '../../core/errors.ts'
import { newRunId, newTaskId } from '../../core/ids.ts'
import type { TaskStatus } from '../../core/task.ts'
import { needRoom } from '../projects/storage.ts'
import { workOf } from '../queue/waiting-room.ts'
import { addRun, latestRun, type RunWish } from '../runs/run-rows.ts'
import { PAGE, type Page, type PageWish, readPage, weightOf } from '../store/paging.ts'
import type { RunRow, Schema, TaskRow } from '../store/schema.ts'
import { bytesOf, ROW_BYTES } from '../store/stored-bytes.ts'
import type { Tx } from '../store/transaction.ts'
import { parseDraft, type TaskDraft } from './draft.ts'
import { writeMentions } from './mentions.ts'
import { type BoardTask, heldTask, withBelongings, withNote, writeHistory } from './task-rows.ts'
import { isOfLiving, isWaiting } from './task-rules.ts'

/** Whose task it is. */
export interface TaskPlace {
  projectId: string
  customer: string
}

/**
 * Adds a task, with a QUEUED run when it waits for an agent, and answers both. Throws USAGE for a bad draft, STORAGE_FULL, TASK_UNKNOWN for a
 * dependency that is not there. A task can only depend on older ones and keeps its dependencies, so no circle can come about.
 */
export async function addTask(
  tx: Tx,
  place: TaskPlace,
  draft: TaskDraft,
  by: string,
  wish: RunWish = {},
): Promise<{ id: string; run: RunRow | null }> {
  const { dependsOn, maxCostUsd, criteria, labels, ...task } = parseDraft(draft)
  await needRoom(tx, place.customer)
  for (const needed of dependsOn) {
    if ((await heldTask(tx, place.customer, needed)).status === 'cancelled')
      throw new RunnerError('USAGE', `dependsOn: ${needed} is cancelled, so the new task would never start`)
  }
  const id = newTaskId()
  const runId = isWaiting(task) ? newRunId() : null
  const facts = { ...task, id, project_id: place.projectId, customer: place.customer, waiting_run: runId }
  const row = await tx.db
    .insertInto('tasks')
    .values({ ...facts, criteria: JSON.stringify(criteria), max_cost_usd: maxCostUsd, notes: '', created_at: tx.at, updated_at: tx.at })
    .returningAll()
    .executeTakeFirstOrThrow()
  tx.concerns(workOf(place.customer))
  tx.stored(place.customer, ROW_BYTES + bytesOf(row.title, row.description, row.criteria, ...labels))
  const rows = dependsOn.map(depends_on => ({ task_id: id, depends_on }))
  if (rows.length > 0) await tx.db.insertInto('task_dependencies').values(rows).execute()
  if (labels.length > 0)
    await tx.db
      .insertInto('task_labels')
      .values(labels.map(label => ({ task_id: id, label })))
      .execute()
  const line = { task_id: id, kind: 'added', note: null, run_id: null, epoch: 0 } as const
  await writeHistory(tx, place.customer, { ...line, who: by, from_status: null, to_status: task.status })
  return { id, run: runId === null ? null : await addRun(tx, row, { ...wish, id: runId }) }
}

/** A new QUEUED run for a task that waits again, like the run before it unless said otherwise. */
export async function addWaitingRun(tx: Tx, task: TaskRow, wish: RunWish = {}, like?: RunRow): Promise<RunRow> {
  const run = await addRun(tx, task, wish, like ?? (await latestRun(tx.db, task.id)))
  await tx.db.updateTable('tasks').set({ waiting_run: run.id, on_hold: 0 }).where('id', '=', task.id).execute()
  tx.concerns(workOf(task.customer))
  return run
}

/** Which tasks a list shows. */
export interface TaskFilter extends PageWish {
  projectId?: string
  status?: readonly TaskStatus[]
  role?: string
}

/** What a task holds, with what belongs to it and the steps of its run. */
const taskWeight = sql<number>`${weightOf(['title', 'description', 'criteria', 'notes'])}
  + coalesce((select octet_length(runs.steps) from runs where runs.id = coalesce(tasks.waiting_run, tasks.run_id)), 0)
  + coalesce((select sum(octet_length(label)) from task_labels where task_labels.task_id = tasks.id), 0)
  + (select count(*) from task_dependencies where task_dependencies.task_id = tasks.id) * 60`

/** Tasks, newest first; null for all customers. */
export async function listTasks(db: Kysely<Schema>, customer: string | null, filter: TaskFilter): Promise<Page<BoardTask>> {
  const { projectId, status, role, limit = PAGE, before = null } = filter
  let query = db.selectFrom('tasks').where(isOfLiving('tasks'))
  if (customer !== null) query = query.where('customer', '=', customer)
  if (projectId !== undefined) query = query.where('project_id', '=', projectId)
  if (status !== undefined) query = query.where('status', 'in', status)
  if (role !== undefined) query = query.where('role', '=', role)
  if (before !== null) query = query.where('seq', '<', before)
  const { items, next } = await readPage(query, { limit, weight: taskWeight, show: (row: TaskRow) => row }, (from, count) =>
    query.selectAll().where('seq', '>=', from).orderBy('seq', 'desc').limit(count),
  )
  return { items: await withBelongings(db, items), next }
}

/** Writes a note on a task, and keeps a mention for everyone whom it speaks to by `@agent-id`. Throws TASK_UNKNOWN, STORAGE_FULL, USAGE. */
export async function addNote(tx: Tx, customer: string | null, id: string, text: string, by: string): Promise<void> {
  const task = await heldTask(tx, customer, id)
  if (text.trim() === '') throw new RunnerError('USAGE', 'a note must not be empty')
  await needRoom(tx, task.customer)
  await tx.db
    .updateTable('tasks')
    .set({ notes: withNote(task.notes, by, text), updated_at: tx.at })
    .where('id', '=', id)
    .execute()
  const line = { task_id: id, kind: 'note', note: text, run_id: null, epoch: task.epoch } as const
  await writeHistory(tx, task.customer, { ...line, who: by, from_status: task.status, to_status: task.status })
  await writeMentions(tx, task, by, text)
}
