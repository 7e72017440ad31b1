import { CompiledQuery, type Kysely } from 'kysely'
import { named, prepared } from './prepared.ts'
import type { Schema } from './schema.ts'
import { bytesOf, ROW_BYTES } from './stored-bytes.ts'

/** An event of a run, but for its number. */
export type EventRow = Pick<Schema['run_events'], 'type' | 'at' | 'data' | 'source' | 'source_seq'>

/** SQLite takes 32,766 values in one statement. */
export const MOST_AT_ONCE = 500

/**
 * Adds events of one run, which the transaction holds, numbered from where it stands. From here to its end the transaction is alone in adding
 * events, so that cursors become visible in their order: a reader that has seen one has seen all before it. Tells everybody who waits, once the
 * transaction is committed. The statements are written by hand: building so many rows takes longer than writing them.
 */
export type AddEvents = (db: Kysely<Schema>, run: number, rows: readonly EventRow[]) => Promise<void>

/**
 * Counts what a customer has stored or freed. On PostgreSQL this happens only while holding the lock for events, so that no two wait for
 * each other.
 */
export type CountStorage = (db: Kysely<Schema>, customer: string, bytes: number) => Promise<void>

const COUNT = `on conflict (customer) do update set bytes = case when storage.bytes + excluded.bytes > 0 then storage.bytes + excluded.bytes else 0 end`

/** Where a run's timeline stands, and whose it is. */
const standing = prepared(({ db }: { db: Kysely<Schema> }, { run }: { run: number }) =>
  db
    .selectFrom('runs')
    .select(eb => [
      'customer',
      eb.selectFrom('run_events').select('run_events.seq').where('run', '=', run).orderBy('cursor', 'desc').limit(1).as('last'),
    ])
    .where('runs.seq', '=', run),
)

const INSERT = 'insert into run_events (run, customer, seq, type, at, data, source, source_seq)'

/** One row of values per event, the quickest that SQLite knows. Nobody else can write between the two statements. */
export const addToSqlite: AddEvents = async (db, run, rows) => {
  const { customer = '', last = null } = (await standing({ db }, { run }))[0] ?? {}
  const values = rows.flatMap(({ type, at, data, source, source_seq }, i) => [
    ...[run, customer, (last ?? 0) + i + 1, type],
    ...[at, data, source, source_seq],
  ])
  await db.executeQuery(CompiledQuery.raw(`${INSERT} values ${rows.map(() => '(?, ?, ?, ?, ?, ?, ?, ?)').join(', ')}`, values))
  await countOnSqlite(db, customer, rows.length * ROW_BYTES + bytesOf(...rows.map(row => row.data)))
}

export const countOnSqlite: CountStorage = async (db, customer, bytes) => {
  await db.executeQuery(CompiledQuery.raw(`insert into storage (customer, bytes) values (?, ?) ${COUNT}`, [customer, bytes]))
}

/** The name under which PostgreSQL tells that something was committed. */
export const CHANNEL = 'agent_runner_events'
/** Any number, as long as no other program that shares the database uses it for its advisory locks. */
const EVENTS_LOCK = 4_207_849_163

/** One list of values per column, so that the statement is the same for any number. No row is made before the lock is held. */
const POSTGRES_INSERT = named(`with alone as materialized (select pg_advisory_xact_lock(${EVENTS_LOCK}), pg_notify('${CHANNEL}', '')),
  added as (${INSERT}
  select $1, coalesce((select customer from runs where seq = $1), ''), coalesce((select seq from run_events where run = $1 order by cursor desc limit 1), 0) + place, type, at, data, source, source_seq
  from alone cross join
    unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[]) with ordinality as e (type, at, data, source, source_seq, place)
  order by place
  returning customer, octet_length(data) + ${ROW_BYTES} as bytes)
  insert into storage (customer, bytes) select customer, sum(bytes) from added group by customer ${COUNT}`)

const POSTGRES_COUNT = named(`with alone as materialized (select pg_advisory_xact_lock(${EVENTS_LOCK}))
  insert into storage (customer, bytes) select $1::text, $2::bigint from alone ${COUNT}`)

/** Goes along with the commit, which fails if this does: the lock is held for as short a time as can be. */
export const addToPostgres: AddEvents = async (db, run, rows) => {
  const column = <K extends keyof EventRow>(name: K) => rows.map(row => row[name])
  const values = [run, column('type'), column('at'), column('data'), column('source'), column('source_seq')]
  db.executeQuery(CompiledQuery.raw(POSTGRES_INSERT, values)).catch(() => {})
}

export const countOnPostgres: CountStorage = async (db, customer, bytes) => {
  db.executeQuery(CompiledQuery.raw(POSTGRES_COUNT, [customer, bytes])).catch(() => {})
}
