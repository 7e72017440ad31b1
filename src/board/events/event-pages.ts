import { type Kysely, sql } from 'kysely'
import { LIMITS } from '../../core/limits.ts'
import type { Schema } from '../store/schema.ts'
import { isOfLiving } from '../tasks/task-rules.ts'
import type { EventFilter, RunEvent } from './event-rows.ts'
import { runEvent } from './event-rows.ts'

/** Events in their order. `next`: everything up to this cursor was looked at, and there is more; null when there is not. */
export interface EventPage {
  items: RunEvent[]
  next: number | null
}

/** The facts about an event before its text is read. */
interface Seen {
  cursor: number
  type: string
  source: string | null
  size: number
  project_id?: string
}

/** Read where the row says how long its columns are; the text itself is not touched. */
const size = sql<number>`octet_length(run_events.data)`.as('size')

const itsProject = sql<string>`(select runs.project_id from runs where runs.seq = run_events.run)`.as('project_id')

/** A page of one run's events; with `newest` the last ones of them instead of the first. It ends at the limits of a page, and may be short. */
export async function pageOfRun(
  db: Kysely<Schema>,
  run: { seq: number; id: string; project_id: string; customer: string },
  { after = 0, limit = 200, types, told = false, newest = false }: EventFilter & { newest?: boolean },
): Promise<EventPage> {
  const walk = walkOf(limit, types !== undefined || told)
  const seen: Seen[] = await db
    .selectFrom('run_events')
    .select(['cursor', 'type', 'source', size])
    .where('run', '=', run.seq)
    .where('cursor', '>', after)
    .orderBy('cursor', newest ? 'desc' : 'asc')
    .limit(walk + 1)
    .execute()
  const { cursors, next } = chosen(seen, walk, limit, event => (!types || types.includes(event.type)) && (!told || event.source !== null))
  if (cursors.length === 0) return { items: [], next: newest ? null : next }
  const rows = await db.selectFrom('run_events').selectAll().where('cursor', 'in', cursors).orderBy('cursor').execute()
  const items = rows.map(row => runEvent({ ...row, run_id: run.id, project_id: run.project_id, customer: run.customer }))
  return { items, next: newest ? null : next }
}

/** A page of the events of all runs that this customer may see. Those of others are never walked over: they are not in the index. */
export async function pageOfAll(
  db: Kysely<Schema>,
  customer: string | null,
  { after = 0, limit = 200, types, projectId }: EventFilter & { projectId?: string },
): Promise<EventPage> {
  const walk = walkOf(limit, types !== undefined || projectId !== undefined)
  let query = db.selectFrom('run_events').select(['run_events.cursor', 'run_events.type', 'run_events.source', size])
  if (customer !== null) query = query.where('run_events.customer', '=', customer)
  // The index has customers with a name only, and is used when the query says so too.
  if (customer) query = query.where('run_events.customer', '<>', sql.lit(''))
  query = query
    .where('run_events.cursor', '>', after)
    .orderBy('run_events.cursor')
    .limit(walk + 1)
  const seen: Seen[] = await (projectId === undefined ? query : query.select(itsProject)).execute()
  const { cursors, next } = chosen(
    seen,
    walk,
    limit,
    event => (!types || types.includes(event.type)) && (projectId === undefined || event.project_id === projectId),
  )
  return { items: cursors.length === 0 ? [] : await eventsAt(db, cursors), next }
}

async function eventsAt(db: Kysely<Schema>, cursors: readonly number[]): Promise<RunEvent[]> {
  const rows = await db
    .selectFrom('run_events')
    // Joined so, SQLite walks along the events.
    .crossJoin('runs')
    .whereRef('runs.seq', '=', 'run_events.run')
    .select(['runs.id as run_id', 'runs.project_id', 'runs.customer', 'run_events.cursor', 'run_events.seq'])
    .select(['run_events.type', 'run_events.at', 'run_events.data'])
    .where('run_events.cursor', 'in', cursors)
    .where(isOfLiving('runs'))
    .orderBy('run_events.cursor')
    .execute()
  return rows.map(runEvent)
}

const walkOf = (limit: number, isNarrowed: boolean) => (isNarrowed ? Math.max(limit, LIMITS.pageWalk.most) : limit)

/** Which of the events that were seen the page holds, and where the next one goes on. One event always fits. */
function chosen(seen: readonly Seen[], walk: number, limit: number, wants: (event: Seen) => boolean) {
  const cursors: number[] = []
  let bytes = 0
  for (const [i, event] of seen.slice(0, walk).entries()) {
    if (!wants(event)) continue
    bytes += Number(event.size)
    if (cursors.length === limit || (cursors.length > 0 && bytes > LIMITS.pageBytes.most)) return { cursors, next: seen[i - 1]!.cursor }
    cursors.push(event.cursor)
  }
  return { cursors, next: seen.length > walk ? seen[walk - 1]!.cursor : null }
}
