import { type Kysely, type SelectQueryBuilder, type SqlBool, sql } from 'kysely'
import { RUN_STATES, type RunStatus } from '../../contract/run-states.ts'
import { RUN_TYPES, type RunType } from '../../contract/run-types.ts'
import { RunnerError } from '../../core/errors.ts'
import { LIMITS, limitWords } from '../../core/limits.ts'
import { projectFor } from '../projects/projects.ts'
import type { Differences } from '../store/differences.ts'
import { fitting, PAGE, type Page, type PageWish, weightOf } from '../store/paging.ts'
import type { RunRow, Schema } from '../store/schema.ts'
import type { Tx } from '../store/transaction.ts'
import type { TaskDraft } from '../tasks/draft.ts'
import { isOfLiving } from '../tasks/task-rules.ts'
import { addTask } from '../tasks/tasks.ts'
import { nameFrom, type Run, type RunStep, type RunWish, toRun } from './run-rows.ts'

/** A run as a person or a program asks for it, with its task's own fields. */
export interface RunDraft extends Partial<Omit<TaskDraft, 'title' | 'description' | 'status'>> {
  /** Left out: the only project, or of several the one named `default`. */
  projectId?: string
  /** What is to be done; its first line is the title of the task. */
  goal: string
  /** Made up from the goal when left out. */
  name?: string
  runType?: RunType
  options?: Record<string, unknown>
  metadata?: Record<string, unknown>
  /** For workflow and pipeline: what is done, in order; left out, the goal is the only step. */
  steps?: RunStep[]
}

/** The role for work that names none. */
const ROLE = 'fullstack_dev'

/** Makes a task with its QUEUED run and returns the run. Throws NOT_FOUND for the project, USAGE, TASK_UNKNOWN for a dependency. */
export async function createRun(tx: Tx, customer: string | null, draft: RunDraft, by: string): Promise<RunRow> {
  const { projectId, goal, name, runType = 'agent', options = {}, metadata = {}, steps, ...task } = draft
  const project = await projectFor(tx.db, customer, projectId)
  if (!RUN_TYPES.includes(runType)) throw new RunnerError('USAGE', `runType: must be one of ${RUN_TYPES.join(', ')}`)
  const hasSteps = runType === 'workflow' || runType === 'pipeline'
  if (steps && !hasSteps) throw new RunnerError('USAGE', 'steps: only workflow and pipeline runs have steps')
  const { model, budget } = options
  const wish: RunWish = {
    name: name ?? nameFrom(goal),
    goal,
    run_type: runType,
    options: carried('options', options),
    metadata: carried('metadata', metadata),
    steps: hasSteps ? JSON.stringify(steps?.length ? steps : [{ goal }]) : null,
  }
  const about = {
    ...task,
    role: task.role ?? ROLE,
    title: nameFrom(goal),
    description: goal,
    model: task.model ?? (typeof model === 'string' ? model : null),
    maxCostUsd: task.maxCostUsd ?? (typeof budget === 'number' ? budget : null),
  }
  const { run } = await addTask(tx, { projectId: project.id, customer: project.customer }, about, by, wish)
  return run!
}

/** What a run carries along, as JSON. Throws USAGE beyond the limit. */
function carried(name: string, value: Record<string, unknown>): string {
  const text = JSON.stringify(value)
  if (Buffer.byteLength(text) > LIMITS.carried.most)
    throw new RunnerError('USAGE', `${name}: must have at most ${limitWords('carried')} as JSON`)
  return text
}

/** Which runs a list shows. */
export interface RunFilter extends PageWish {
  projectId?: string
  taskId?: string
  status?: readonly RunStatus[]
  /** Only those with this text in name or goal, whatever its case. Looks through some thousands per page. */
  text?: string
}

/**
 * Runs, newest first; null for all customers. However many there are, a page is one walk along an index per status asked for. One that looks for
 * a text ends its walk after some thousands, so it may have fewer than asked for, or none, and a next one all the same.
 */
export async function listRuns(db: Kysely<Schema>, differs: Differences, customer: string | null, filter: RunFilter): Promise<Page<Run>> {
  const { limit = PAGE, status, text } = filter
  const query = runQuery(db, customer, filter)
  const queries = (status?.length ? [...new Set(status)] : [undefined]).map(one => withStatus(query, one))
  const end = text ? await searchEnd(queries) : null
  const narrowed = text ? queries.map(one => withText(one, differs, text, end)) : queries
  const weighed = await together(narrowed.map(one => one.select(['seq', RUN_WEIGHT.as('weight')]).limit(limit + 1)))
  const { count, from, next } = fitting(weighed, limit)
  if (from === null) return { items: [], next: end }
  const rows = await together(narrowed.map(one => one.selectAll().where('seq', '>=', from).limit(count)))
  return { items: rows.map(toRun), next: next ?? end }
}

const RUN_WEIGHT = weightOf(['name', 'goal', 'options', 'metadata', 'steps', 'commits', 'error'])

/** The rows of all of these queries, newest first. */
async function together<R extends { seq: number }>(queries: { execute(): Promise<R[]> }[]): Promise<R[]> {
  const pages = await Promise.all(queries.map(query => query.execute()))
  return pages.length === 1 ? pages[0]! : pages.flat().sort((a, b) => b.seq - a.seq)
}

/** Where long walks of a search end, by the number of rows or by the bytes that they would read; null when none is too long. */
async function searchEnd(queries: RunQuery[]): Promise<number | null> {
  const ends = await Promise.all(
    queries.map(async query => {
      const rows = await query
        .select(['seq', weightOf(['name', 'goal']).as('weight')])
        .limit(LIMITS.pageWalk.most)
        .execute()
      let bytes = 0
      const heavy = rows.find(({ weight }) => {
        bytes += Number(weight)
        return bytes > LIMITS.searchBytes.most
      })
      return heavy?.seq ?? rows[LIMITS.pageWalk.most - 1]?.seq ?? null
    }),
  )
  return ends.reduce<number | null>((latest, end) => (end !== null && end > (latest ?? 0) ? end : latest), null)
}

const withText = (query: RunQuery, differs: Differences, text: string, from: number | null) => {
  const found = query.where(sql<SqlBool>`(${differs.contains('name', text)} or ${differs.contains('goal', text)})`)
  return from === null ? found : found.where('seq', '>=', from)
}

type RunQuery = SelectQueryBuilder<Schema, 'runs', object>

/** The query of a list without what it selects, apart so that its plan can be shown. */
export function runQuery(db: Kysely<Schema>, customer: string | null, filter: Omit<RunFilter, 'text' | 'status' | 'limit'>): RunQuery {
  const { projectId, taskId, before = null } = filter
  let query = db.selectFrom('runs').where(isOfLiving('runs')).orderBy('seq', 'desc')
  if (taskId !== undefined) query = query.where('task_id', '=', taskId)
  if (projectId !== undefined) query = query.where('project_id', '=', projectId)
  if (customer !== null) query = query.where('customer', '=', customer)
  return before === null ? query : query.where('seq', '<', before)
}

/** Narrowed to one state. Several at once would have to be sorted. */
export const withStatus = (query: RunQuery, status: RunStatus | undefined) =>
  status === undefined ? query : query.where('status', '=', status)

/** How many runs there are in each state. */
export async function countRuns(db: Kysely<Schema>, customer: string | null): Promise<Record<RunStatus, number>> {
  let query = db
    .selectFrom('runs')
    .select(['status', eb => eb.fn.countAll<number>().as('count')])
    .groupBy('status')
  if (customer !== null) query = query.where('customer', '=', customer)
  // Counting is a walk along an index alone, which this would make three times as long; mostly there is none.
  const removed = await db.selectFrom('projects').select('id').where('removed_at', 'is not', null).limit(1).execute()
  if (removed.length > 0) query = query.where(isOfLiving('runs'))
  const counts = Object.fromEntries(RUN_STATES.map(status => [status, 0])) as Record<RunStatus, number>
  for (const { status, count } of await query.execute()) counts[status] = Number(count)
  return counts
}
