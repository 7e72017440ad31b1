import type { Kysely } from 'kysely'
import { RunnerError } from '../core/errors.ts'
import { newTaskId } from '../core/ids.ts'
import type { TaskStatus } from '../core/task.ts'
import { writeMentions } from './agents.ts'
import { parseDraft, type TaskDraft } from './draft.ts'
import { CLOSED, firstStatus } from './rules.ts'
import type { Schema, TaskRow } from './schema.ts'
import { type BoardTask, readTasks, withNote, writeHistory } from './task-rows.ts'

/**
 * Adds a task and answers it. Throws USAGE for a bad draft, TASK_UNKNOWN for a dependency that is not there. A task can only depend on
 * older ones and keeps its dependencies, so no circle can come about.
 */
export async function addTask(db: Kysely<Schema>, project: string, draft: TaskDraft, by: string): Promise<BoardTask> {
  const { dependsOn, maxCostUsd, criteria, ...task } = parseDraft(draft)
  for (const needed of dependsOn) {
    if ((await taskRow(db, needed)).status === 'cancelled')
      throw new RunnerError('USAGE', `dependsOn: ${needed} is cancelled, so the new task would never start`)
  }
  const [id, at] = [newTaskId(), new Date().toISOString()]
  const row = { ...task, id, project, criteria: JSON.stringify(criteria), max_cost_usd: maxCostUsd, notes: '' }
  await db
    .insertInto('tasks')
    .values({ ...row, created_at: at, updated_at: at })
    .execute()
  if (dependsOn.length > 0)
    await db
      .insertInto('task_dependencies')
      .values(dependsOn.map(depends_on => ({ task_id: id, depends_on })))
      .execute()
  const line = { task_id: id, kind: 'added', note: null, run_id: null, epoch: 0 } as const
  await writeHistory(db, { ...line, at, who: by, from_status: null, to_status: task.status })
  return taskOf(db, id)
}

/** The task. Throws TASK_UNKNOWN. */
export async function taskOf(db: Kysely<Schema>, id: string): Promise<BoardTask> {
  const [task] = await readTasks(db, tasks => tasks.where('tasks.id', '=', id))
  if (!task) throw unknown(id)
  return task
}

interface Move {
  by: string
  note?: string
  /** Why the task cannot be moved from where it stands; null when it can. */
  refuse?: (task: TaskRow) => string | null
}

/** Moves a task by hand and opens its lock: who held it finds that out at the next heartbeat. Where it is already, nothing changes. */
export async function moveTask(db: Kysely<Schema>, id: string, to: (task: TaskRow) => TaskStatus, move: Move): Promise<BoardTask> {
  const task = await taskRow(db, id)
  const status = to(task)
  const refusal = move.refuse?.(task)
  if (refusal) throw new RunnerError('USAGE', refusal)
  if (task.status !== status) {
    const [at, note] = [new Date().toISOString(), move.note ?? '']
    const change = { status, locked_by: null, locked_at: null, notes: withNote(task.notes, move.by, note), updated_at: at }
    await db.updateTable('tasks').set(change).where('id', '=', id).execute()
    const line = { task_id: id, kind: 'moved', note: note || null, run_id: task.locked_by ? task.run_id : null, epoch: task.epoch } as const
    await writeHistory(db, { ...line, at, who: move.by, from_status: task.status, to_status: status })
  }
  return taskOf(db, id)
}

/** Why a task cannot be cancelled; null when it can, at any time before it is through QA. */
export function refuseCancel({ id, status }: TaskRow): string | null {
  return CLOSED.includes(status) ? `${id} is ${status} already; only what is not finished can be cancelled` : null
}

/** Why a task cannot go back into the queue; null when it can: it is parked, cancelled, or there already. */
export function refuseRequeue({ id, role, status, locked_by }: TaskRow): string | null {
  if (status === 'pending' || status === 'cancelled' || status === firstStatus(role)) return null
  if (locked_by !== null) return `${id} is under work by ${locked_by}; cancel it first to take it away`
  return `${id} is ${status}; only a parked or cancelled task can go back into the queue`
}

/** Writes a note on a task, and keeps a mention for everyone whom it speaks to by `@agent-id`. */
export async function addNote(db: Kysely<Schema>, id: string, text: string, by: string): Promise<void> {
  const task = await taskRow(db, id)
  if (text.trim() === '') throw new RunnerError('USAGE', 'a note must not be empty')
  const at = new Date().toISOString()
  await db
    .updateTable('tasks')
    .set({ notes: withNote(task.notes, by, text), updated_at: at })
    .where('id', '=', id)
    .execute()
  const line = { task_id: id, kind: 'note', note: text, run_id: null, epoch: task.epoch } as const
  await writeHistory(db, { ...line, at, who: by, from_status: task.status, to_status: task.status })
  await writeMentions(db, id, by, text, at)
}

async function taskRow(db: Kysely<Schema>, id: string): Promise<TaskRow> {
  const row = await db.selectFrom('tasks').selectAll().where('id', '=', id).executeTakeFirst()
  if (!row) throw unknown(id)
  return row
}

const unknown = (id: string) => new RunnerError('TASK_UNKNOWN', `there is no task ${JSON.stringify(id)} on this board`)
