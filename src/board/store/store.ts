import type { Kysely } from 'kysely'
import type { WaitingRoom } from '../queue/waiting-room.ts'
import type { Differences } from './differences.ts'
import type { Schema } from './schema.ts'

/** Where the control plane keeps its tables. The rules see no more of the database than this. */
export interface Store {
  /** The database, for people; without a password. */
  readonly url: string
  readonly differs: Differences
  /** Runs a query outside of any transaction. */
  read<T>(query: (db: Kysely<Schema>) => Promise<T>): Promise<T>
  /**
   * Runs a change in one transaction: all of it survives, or nothing. It may only use the `db` that it is given, and may be run again
   * from its start when another transaction was in its way.
   */
  write<T>(change: (db: Kysely<Schema>) => Promise<T>): Promise<T>
  /** A text that differs after anybody, here or in another process, changed anything that somebody may wait for. Costs a few microseconds. */
  mark(): string
  /**
   * Resolves with true as soon as the mark is another one than `since`, with false after `ms`. To miss nothing, take the mark before
   * you look. Throws ABORTED when the signal fires.
   */
  changed(since: string, ms: number, signal: AbortSignal): Promise<boolean>
  /** The waiting requests. A change wakes those that it concerns. */
  readonly waiting: WaitingRoom
  /** Within a transaction: whom it concerns. Told to those who wait in other processes once it is committed, where the database can do so. */
  tell(db: Kysely<Schema>, topics: readonly string[]): void
  /** After it: tells those who wait here, unless the database does. */
  told(topics: readonly string[]): void
  close(): Promise<void>
}

/** Whether an address is that of a PostgreSQL database and not a file. */
export const isPostgres = (url: string) => /^postgres(ql)?:/i.test(url)
