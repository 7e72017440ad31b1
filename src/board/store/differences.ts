import { type RawBuilder, type ReferenceExpression, type SelectQueryBuilder, type SqlBool, sql } from 'kysely'
import { type AddEvents, addToPostgres, addToSqlite, type CountStorage, countOnPostgres, countOnSqlite } from './event-insert.ts'
import type { Schema } from './schema.ts'

/** All differences between the databases in queries: one small function per difference. */
export interface Differences {
  readonly kind: 'sqlite' | 'postgres'
  /**
   * The time so many milliseconds from now, in epoch milliseconds by the database's clock: servers with different clocks agree on when a
   * lease is over.
   */
  later(ms: number): RawBuilder<number>
  /** The rows of the query stay as they are until the transaction ends. */
  held<Q extends Query>(query: Q): Q
  /** The rows of one table of the query stay as they are; rows that somebody else has locked are skipped. */
  skippingHeld<Q extends Query>(query: Q, table: keyof Schema): Q
  /** Whether the text is found in the column, whatever its case. */
  contains(column: ReferenceExpression<Schema, 'runs'>, text: string): RawBuilder<SqlBool>
  /** A long text as it is quickest to read; `Buffer.from` makes UTF-8 of it. */
  bytes(column: 'body'): RawBuilder<string | Uint8Array<ArrayBuffer>>
  addEvents: AddEvents
  countStorage: CountStorage
}

// biome-ignore lint/suspicious/noExplicitAny: any select, whatever its tables and columns.
type Query = SelectQueryBuilder<Schema, any, any>

const pattern = (text: string) => `%${text.replace(/[\\%_]/g, '\\$&')}%`

/** SQLite has one writer at a time, so nothing needs holding, and commits are in order by themselves. Waiting processes look at its change counter. */
export const SQLITE: Differences = {
  kind: 'sqlite',
  later: ms => sql<number>`cast(round(unixepoch('subsec') * 1000) as integer) + ${ms}`,
  held: query => query,
  skippingHeld: query => query,
  contains: (column, text) => sql<SqlBool>`${sql.ref(column as string)} like ${pattern(text)} escape '\\'`,
  // Its driver takes 24 ms to decode a text of 4 MB that is not only ASCII.
  bytes: column => sql<Uint8Array<ArrayBuffer>>`cast(${sql.ref(column)} as blob)`,
  addEvents: addToSqlite,
  countStorage: countOnSqlite,
}

/** PostgreSQL has many writers at a time. */
export const POSTGRES: Differences = {
  kind: 'postgres',
  later: ms => sql<number>`(extract(epoch from clock_timestamp()) * 1000)::bigint + ${ms}::bigint`,
  held: query => query.forUpdate() as typeof query,
  skippingHeld: (query, table) => query.forUpdate(table).skipLocked() as typeof query,
  contains: (column, text) => sql<SqlBool>`${sql.ref(column as string)} ilike ${pattern(text)}`,
  bytes: column => sql<string>`${sql.ref(column)}`,
  addEvents: addToPostgres,
  countStorage: countOnPostgres,
}
