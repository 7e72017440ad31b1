import type { Insertable, Kysely, SelectQueryBuilder } from 'kysely'
import { RunnerError } from '../core/errors.ts'
import type { Plan, Task } from '../core/task.ts'
import { planOf } from './plan.ts'
import { isUnfinished } from './rules.ts'
import type { HistoryKind, HistoryRow, Schema, TaskRow } from './schema.ts'
import type { Tx } from './transaction.ts'

/** A task with what only the board knows of it. Times are ISO 8601 UTC. */
export interface BoardTask extends Task {
  projectId: string
  /** The repository: the project's path, or its name when it has none. */
  project: string
  /** A worker must have all of them to be given the task. */
  labels: string[]
  /** The agent that works on it; null when it is free. */
  lockedBy: string | null
  lockedAt: string | null
  /** The run of the latest claim; `runId` is the one that waits or works on it now. */
  lastRunId: string | null
  /** Its waiting run is PAUSED, so it is handed to nobody. */
  onHold: boolean
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

export type TaskQuery = SelectQueryBuilder<Schema, 'tasks', object>

/** The tasks of a query, in its order, with what belongs to them. */
export async function readTasks(db: Kysely<Schema>, narrow: (tasks: TaskQuery) => TaskQuery): Promise<BoardTask[]> {
  return withBelongings(db, await narrow(db.selectFrom('tasks')).selectAll('tasks').execute())
}

/** The rows as they are shown, with what belongs to them. */
export async function withBelongings(db: Kysely<Schema>, rows: TaskRow[]): Promise<BoardTask[]> {
  const needs = new Map<string, Need[]>(rows.map(row => [row.id, []]))
  const labels = new Map<string, string[]>(rows.map(row => [row.id, []]))
  const projects = new Map<string, string>()
  for (let i = 0; i < rows.length; i += CHUNK) {
    const chunk = rows.slice(i, i + CHUNK)
    const ids = chunk.map(row => row.id)
    for (const need of await readNeeds(db, ids))
      needs.get(need.task_id)!.push({ id: need.depends_on, unfinished: Boolean(need.unfinished) })
    const found = await db.selectFrom('task_labels').selectAll().where('task_id', 'in', ids).orderBy('label').execute()
    for (const { task_id, label } of found) labels.get(task_id)!.push(label)
    const unknown = [...new Set(chunk.map(row => row.project_id))].filter(id => !projects.has(id))
    if (unknown.length === 0) continue
    const named = await db.selectFrom('projects').select(['id', 'name', 'local_path']).where('id', 'in', unknown).execute()
    for (const { id, name, local_path } of named) projects.set(id, local_path || name)
  }
  const plans = await readPlans(db, rows)
  return rows.map(row => ({
    ...boardTask(row, needs.get(row.id)!, labels.get(row.id)!, projects.get(row.project_id) ?? ''),
    plan: plans.get(runOf(row) ?? '') ?? null,
  }))
}

/** The run that waits for somebody to take the task, or works on it now. */
const runOf = (row: TaskRow): string | null => row.waiting_run ?? (row.locked_by === null ? null : row.run_id)

/** How the runs of these tasks are to be done, by run id; most have nothing to say. */
async function readPlans(db: Kysely<Schema>, rows: TaskRow[]): Promise<Map<string, Plan>> {
  const ids = rows.flatMap(row => runOf(row) ?? [])
  const plans = new Map<string, Plan>()
  for (let i = 0; i < ids.length; i += CHUNK) {
    const runs = await db
      .selectFrom('runs')
      .select(['id', 'steps', 'options'])
      .where('id', 'in', ids.slice(i, i + CHUNK))
      .execute()
    for (const { id, steps, options } of runs) {
      const plan = planOf(steps, options)
      if (plan) plans.set(id, plan)
    }
  }
  return plans
}

interface Need {
  id: string
  unfinished: boolean
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

function boardTask(row: TaskRow, needs: Need[], labels: string[], project: string): Omit<BoardTask, 'plan'> {
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
    projectId: row.project_id,
    project,
    labels,
    lockedBy: row.locked_by,
    lockedAt: row.locked_at,
    runId: runOf(row),
    lastRunId: row.run_id,
    onHold: row.on_hold !== 0,
    epoch: row.epoch,
    blockedBy: needs.filter(need => need.unfinished).map(need => need.id),
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  }
}

/** The task as it is shown. Throws TASK_UNKNOWN, also when it is another customer's; null for all customers. */
export async function taskOf(db: Kysely<Schema>, customer: string | null, id: string): Promise<BoardTask> {
  const [task] = await readTasks(db, tasks => {
    const one = tasks.where('tasks.id', '=', id)
    return customer === null ? one : one.where('tasks.customer', '=', customer)
  })
  if (!task) throw unknownTask(id)
  return task
}

/** The task's row, held until the transaction ends. Throws TASK_UNKNOWN, also when it is another customer's. */
export async function heldTask(tx: Tx, customer: string | null, id: string): Promise<TaskRow> {
  const row = await tx.differs.held(tx.db.selectFrom('tasks').selectAll().where('id', '=', id)).executeTakeFirst()
  if (!row || (customer !== null && row.customer !== customer)) throw unknownTask(id)
  return row
}

const unknownTask = (id: string) => new RunnerError('TASK_UNKNOWN', `there is no task ${JSON.stringify(id)} on this board`)

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
export async function writeHistory(tx: Tx, line: Omit<Insertable<Schema['task_history']>, 'at'>): Promise<void> {
  await tx.db
    .insertInto('task_history')
    .values({ ...line, at: tx.at })
    .execute()
}

/** The task's notes with one more, as its readers see them. */
export function withNote(notes: string, who: string, note: string): string {
  if (note.trim() === '') return notes
  return `${notes}${notes === '' ? '' : '\n\n'}${who}: ${note.trim()}`
}
