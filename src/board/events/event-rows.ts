import type { Kysely } from 'kysely'
import { eventJson } from '../../core/event-size.ts'
import type { Differences } from '../store/differences.ts'
import { type EventRow, MOST_AT_ONCE } from '../store/event-insert.ts'
import { prepared } from '../store/prepared.ts'
import type { Schema } from '../store/schema.ts'

/** One line of a run's timeline. Never changed once written. */
export interface RunEvent {
  /** Grows over all events; whoever has seen one has seen all before it. */
  cursor: number
  runId: string
  projectId: string
  customer: string
  /** Counts within the run, from 1. */
  seq: number
  type: string
  at: string
  data: Record<string, unknown>
}

/** An event to be written. */
export interface NewEvent {
  /** The run's `seq`. */
  run: number
  type: string
  data: Record<string, unknown>
  at: string
  /** The agent that told it, the agent's own number for it, and when it happened there; left out for events of the control plane itself. */
  origin?: { source: string; seq: number; at: string }
}

/** Writes events in their order, at the end of their transaction. */
export async function writeEvents(db: Kysely<Schema>, differs: Differences, events: NewEvent[]): Promise<void> {
  for (let i = 0; i < events.length; ) {
    const { run } = events[i]!
    const rows: EventRow[] = []
    for (; i < events.length && events[i]!.run === run && rows.length < MOST_AT_ONCE; i++) {
      const { type, data, at, origin } = events[i]!
      const from = { source: origin?.source ?? null, source_seq: origin?.seq ?? null }
      rows.push({ type, at: origin?.at ?? at, data: eventJson(data), ...from })
    }
    await differs.addEvents(db, run, rows)
  }
}

/** Which events of a timeline are meant. */
export interface EventFilter {
  /** Only those after this cursor. */
  after?: number
  limit?: number
  types?: readonly string[]
  /** Only what runners have told. */
  told?: boolean
}

/** The cursor of the latest event; 0 when there is none. */
export async function lastCursor(db: Kysely<Schema>): Promise<number> {
  const last = await db.selectFrom('run_events').select('cursor').orderBy('cursor', 'desc').limit(1).executeTakeFirst()
  return last?.cursor ?? 0
}

/** The number of the last event that this agent has told of the run with this id; 0 when none. */
export async function lastTold(db: Kysely<Schema>, runId: string, source: string): Promise<number> {
  const [last] = await newestTold({ db }, { runId, source })
  return last?.source_seq ?? 0
}

/** Which of these numbers an agent has told of a run already. */
export async function toldAmong(db: Kysely<Schema>, run: number, source: string, numbers: readonly number[]): Promise<Set<number>> {
  const rows = await db
    .selectFrom('run_events')
    .select('source_seq')
    .where('run', '=', run)
    .where('source', '=', source)
    .where('source_seq', 'in', numbers)
    .execute()
  return new Set(rows.map(row => row.source_seq!))
}

const newestTold = prepared(({ db }: { db: Kysely<Schema> }, { runId, source }: { runId: string; source: string }) =>
  db
    .selectFrom('run_events')
    .select('source_seq')
    .where('run', '=', eb => eb.selectFrom('runs').select('runs.seq').where('id', '=', runId))
    .where('source', '=', source)
    .where('source_seq', 'is not', null)
    .orderBy('source_seq', 'desc')
    .limit(1),
)

interface EventColumns {
  cursor: number
  run_id: string
  project_id: string
  customer: string
  seq: number
  type: string
  at: string
  data: string
}

/** An event as it is shown. */
export function runEvent({ cursor, run_id, project_id, customer, seq, type, at, data }: EventColumns): RunEvent {
  return { cursor, runId: run_id, projectId: project_id, customer, seq, type, at, data: JSON.parse(data) }
}
