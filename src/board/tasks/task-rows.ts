import { type Kysely, type SelectQueryBuilder, sql } from 'kysely'
import { RunnerError } from '../../core/errors.ts'
import { camelKeys } from '../../core/key-case.ts'
import { LIMITS } from '../../core/limits.ts'
import type { Plan, Task } from '../../core/task.ts'
import { readPage, weightOf } from '../store/paging.ts'
import { prepared, preparedForOne } from '../store/prepared.ts'
import type { HistoryKind, HistoryRow, RunRow, Schema, TaskRow } from '../store/schema.ts'
import { bytesOf } from '../store/stored-bytes.ts'
import type { Tx } from '../store/transaction.ts'
import { planOf } from './plan.ts'
import { isOfLiving, isUnfinished } from './task-rules.ts'

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

/** The rows as they are shown, with what belongs to them. `runs` are those of theirs that are known already. */
export async function withBelongings(db: Kysely<Schema>, rows: TaskRow[], runs: readonly RunRow[] = []): Promise<BoardTask[]> {
  const belongings = new Map<string, Belongings>(rows.map(row => [row.id, { project: '', labels: [], needs: [] }]))
  for (let i = 0; i < rows.length; i += CHUNK) {
    const ids = rows.slice(i, i + CHUNK).map(row => row.id)
    for (const { task_id, kind, text, place, unfinished } of await readBelongings(db, ids)) {
      const its = belongings.get(task_id)!
      if (kind === 'project') its.project = text
      else if (kind === 'label') its.labels.push(text)
      else its.needs.push({ id: text, place, unfinished: unfinished !== 0 })
    }
  }
  const plans = await readPlans(db, rows, runs)
  return rows.map(row => {
    const { project, labels, needs } = belongings.get(row.id)!
    const inOrder = needs.sort((a, b) => a.place - b.place)
    return { ...boardTask(row, inOrder, labels.sort(), project), plan: plans.get(runOf(row) ?? '') ?? null }
  })
}

interface Belongings {
  project: string
  labels: string[]
  needs: Need[]
}

interface Need {
  id: string
  place: number
  unfinished: boolean
}

/** Project, labels and needed tasks of some tasks, in one walk to the database and in no order. */
const readBelongings = preparedForOne((db, ids) =>
  db
    .selectFrom('tasks')
    .innerJoin('projects', 'projects.id', 'tasks.project_id')
    .select(['tasks.id as task_id', kind('project'), sql<string>`coalesce(nullif(projects.local_path, ''), projects.name)`.as('text')])
    .select([sql.lit(0).as('place'), sql.lit(0).as('unfinished')])
    .where('tasks.id', 'in', ids)
    .unionAll(
      db
        .selectFrom('task_labels')
        .select(['task_id', kind('label'), 'label as text', sql.lit(0).as('place'), sql.lit(0).as('unfinished')])
        .where('task_id', 'in', ids),
    )
    .unionAll(
      db
        .selectFrom('task_dependencies')
        .innerJoin('tasks as needed', 'needed.id', 'task_dependencies.depends_on')
        .select(['task_id', kind('need'), 'depends_on as text', 'needed.seq as place'])
        .select(eb => eb.case().when(isUnfinished(eb)).then(sql.lit(1)).else(sql.lit(0)).end().as('unfinished'))
        .where('task_id', 'in', ids),
    ),
)

const kind = (word: 'project' | 'label' | 'need') => sql.lit<string>(word).as('kind')

/** The run that waits for somebody to take the task, or works on it now. */
const runOf = (row: TaskRow): string | null => row.waiting_run ?? (row.locked_by === null ? null : row.run_id)

type Planned = Pick<RunRow, 'id' | 'steps' | 'options'>

/** How the runs of these tasks are to be done, by run id; most have nothing to say. */
async function readPlans(db: Kysely<Schema>, rows: TaskRow[], known: readonly Planned[]): Promise<Map<string, Plan>> {
  const ids = rows.flatMap(row => runOf(row) ?? []).filter(id => !known.some(run => run.id === id))
  const runs = [...known]
  for (let i = 0; i < ids.length; i += CHUNK) runs.push(...(await readPlanned(db, ids.slice(i, i + CHUNK))))
  return new Map(
    runs.flatMap(({ id, steps, options }) => {
      const plan = planOf(steps, options)
      return plan ? [[id, plan] as const] : []
    }),
  )
}

const readPlanned = preparedForOne<Planned>((db, ids) => db.selectFrom('runs').select(['id', 'steps', 'options']).where('id', 'in', ids))

function boardTask(row: TaskRow, needs: Need[], labels: string[], project: string): Omit<BoardTask, 'plan'> {
  const { seq: _seq, customer: _customer, waiting_run: _waiting, claimed_from: _from, run_id: lastRunId, on_hold, criteria, ...same } = row
  return {
    ...{ ...camelKeys(same), criteria: JSON.parse(criteria), project, labels },
    ...{ runId: runOf(row), lastRunId, onHold: on_hold !== 0 },
    dependsOn: needs.map(need => need.id),
    blockedBy: needs.filter(need => need.unfinished).map(need => need.id),
  }
}

/** The task as it is shown. Throws TASK_UNKNOWN, also when it is another customer's; null for all customers. */
export async function taskOf(db: Kysely<Schema>, customer: string | null, id: string): Promise<BoardTask> {
  const [task] = await readTasks(db, tasks => {
    const one = tasks.where('tasks.id', '=', id).where(isOfLiving('tasks'))
    return customer === null ? one : one.where('tasks.customer', '=', customer)
  })
  if (!task) throw unknownTask(id)
  return task
}

/** The task's row, held until the transaction ends. Throws TASK_UNKNOWN, also when it is another customer's. */
export async function heldTask(tx: Tx, customer: string | null, id: string): Promise<TaskRow> {
  const one = tx.db.selectFrom('tasks').selectAll().where('id', '=', id).where(isOfLiving('tasks'))
  const row = await tx.differs.held(one).executeTakeFirst()
  if (!row || (customer !== null && row.customer !== customer)) throw unknownTask(id)
  return row
}

const unknownTask = (id: string) => new RunnerError('TASK_UNKNOWN', `there is no task ${JSON.stringify(id)} on this board`)

/** The history of a task, oldest first; the newest page of one that is very long. */
export async function readHistory(db: Kysely<Schema>, taskId: string): Promise<HistoryEntry[]> {
  const query = db.selectFrom('task_history').where('task_id', '=', taskId)
  const wish = { limit: LIMITS.pageEntries.most, weight: weightOf(['note']), show: historyEntry }
  const { items } = await readPage(query, wish, (from, count) =>
    query.selectAll().where('seq', '>=', from).orderBy('seq', 'desc').limit(count),
  )
  return items.reverse()
}

function historyEntry(row: HistoryRow): HistoryEntry {
  const { at, kind, who, from_status: from, to_status: to, note, run_id: runId, epoch } = row
  return { at, kind, who, from, to, note, runId, epoch }
}

/** Writes one line of the history of a customer's task. It belongs into the transaction of the change that it tells of. */
export async function writeHistory(tx: Tx, customer: string, line: Omit<HistoryRow, 'seq' | 'at'>): Promise<void> {
  tx.stored(customer, bytesOf(line.note))
  await written(tx, { ...line, at: tx.at })
}

const written = prepared(({ db }: Tx, v: Omit<HistoryRow, 'seq'>) =>
  db.insertInto('task_history').values({
    ...{ task_id: v.task_id, at: v.at, kind: v.kind, who: v.who, from_status: v.from_status, to_status: v.to_status },
    ...{ note: v.note, run_id: v.run_id, epoch: v.epoch },
  }),
)

/** What stands before notes whose oldest were cut off. */
const OLDER = '(older notes are cut off)\n…'

/** The task's notes with one more, as its readers see them: the newest, as far as the limit `notes` goes. */
export function withNote(notes: string, who: string, note: string): string {
  if (note.trim() === '') return notes
  const all = `${notes}${notes === '' ? '' : '\n\n'}${who}: ${note.trim()}`
  return all.length <= LIMITS.notes.most ? all : OLDER + all.slice(OLDER.length - LIMITS.notes.most).toWellFormed()
}
