import type { Insertable, Kysely, SelectQueryBuilder } from 'kysely'
import type { Task } from '../core/task.ts'
import { isUnfinished } from './rules.ts'
import type { HistoryKind, HistoryRow, Schema, TaskRow } from './schema.ts'

/** A task with what only the board knows of it. Times are ISO 8601 UTC. */
export interface BoardTask extends Task {
  project: string
  /** The agent that works on it; null when it is free. */
  lockedBy: string | null
  lockedAt: string | null
  /** The run of the latest claim. */
  runId: string | null
  epoch: number
  /** Those of `dependsOn` that are not finished; while there is one, the task is handed to nobody. */
  blockedBy: string[]
  createdAt: string
  updatedAt: string
}

/** One line of a task's history: who did what, when. Never changed once written. */
export interface HistoryEntry {
  at: string
  kind: HistoryKind
  who: string
  from: string | null
  to: string | null
  note: string | null
  runId: string | null
  epoch: number
}

/** SQLite takes at most 32,766 values in one statement, PostgreSQL 65,535. */
const CHUNK = 1_000

/** The tasks of a query, in its order, with their dependencies. */
export async function readTasks(
  db: Kysely<Schema>,
  narrow: (tasks: SelectQueryBuilder<Schema, 'tasks', object>) => SelectQueryBuilder<Schema, 'tasks', object>,
): Promise<BoardTask[]> {
  const rows = await narrow(db.selectFrom('tasks')).selectAll('tasks').execute()
  const needs = new Map<string, { id: string; unfinished: boolean }[]>(rows.map(row => [row.id, []]))
  for (let i = 0; i < rows.length; i += CHUNK) {
    const ids = rows.slice(i, i + CHUNK).map(row => row.id)
    for (const need of await readNeeds(db, ids))
      needs.get(need.task_id)!.push({ id: need.depends_on, unfinished: Boolean(need.unfinished) })
  }
  return rows.map(row => boardTask(row, needs.get(row.id)!))
}

function readNeeds(db: Kysely<Schema>, ids: string[]) {
  return db
    .selectFrom('task_dependencies')
    .innerJoin('tasks as needed', 'needed.id', 'task_dependencies.depends_on')
    .select(['task_dependencies.task_id', 'task_dependencies.depends_on'])
    .select(eb => isUnfinished(eb).as('unfinished'))
    .where('task_dependencies.task_id', 'in', ids)
    .orderBy('needed.seq')
    .execute()
}

function boardTask(row: TaskRow, needs: { id: string; unfinished: boolean }[]): BoardTask {
  return {
    id: row.id,
    title: row.title,
    description: row.description,
    criteria: JSON.parse(row.criteria),
    role: row.role,
    seniority: row.seniority,
    complexity: row.complexity,
    branch: row.branch,
    priority: row.priority,
    dependsOn: needs.map(need => need.id),
    maxCostUsd: row.max_cost_usd,
    model: row.model,
    status: row.status,
    notes: row.notes,
    project: row.project,
    lockedBy: row.locked_by,
    lockedAt: row.locked_at,
    runId: row.run_id,
    epoch: row.epoch,
    blockedBy: needs.filter(need => need.unfinished).map(need => need.id),
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  }
}

/** The history of a task, oldest first. */
export async function readHistory(db: Kysely<Schema>, taskId: string): Promise<HistoryEntry[]> {
  const rows = await db.selectFrom('task_history').selectAll().where('task_id', '=', taskId).orderBy('seq').execute()
  return rows.map(historyEntry)
}

function historyEntry(row: HistoryRow): HistoryEntry {
  const { at, kind, who, from_status: from, to_status: to, note, run_id: runId, epoch } = row
  return { at, kind, who, from, to, note, runId, epoch }
}

/** Writes one line of history. It belongs into the transaction of the change that it tells of. */
export async function writeHistory(db: Kysely<Schema>, line: Insertable<Schema['task_history']>): Promise<void> {
  await db.insertInto('task_history').values(line).execute()
}

/** The task's notes with one more, as its readers see them. */
export function withNote(notes: string, who: string, note: string): string {
  if (note.trim() === '') return notes
  return `${notes}${notes === '' ? '' : '\n\n'}${who}: ${note.trim()}`
}
