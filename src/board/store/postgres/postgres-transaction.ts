import type { CompiledQuery, DatabaseConnection, Kysely, QueryResult } from 'kysely'
import type pg from 'pg'
import type { Pinning } from '../pinned.ts'
import { nameOf } from '../prepared.ts'
import type { Schema } from '../schema.ts'

/**
 * Transactions without needless waits: statements are sent as they come, so `begin` travels with the first one, and statements that
 * nobody waits for, such as events, travel with the commit. On a busy server this shortens the time for which others wait behind a lock.
 * Rejects with the first failure, also of a statement that nobody waited for, and then nothing was done.
 */
export function transactionsOf(pool: pg.Pool, { pinnedTo }: Pinning): <T>(change: (db: Kysely<Schema>) => Promise<T>) => Promise<T> {
  return async change => {
    const client = await pool.connect()
    const connection = new Connection(client)
    let broken = false
    try {
      connection.send('begin')
      const result = await change(pinnedTo(connection))
      await connection.commit()
      return result
    } catch (error) {
      await client.query('rollback').catch(() => {
        broken = true
      })
      throw isAborted(error) ? await connection.firstFailure(error) : error
    } finally {
      client.release(broken)
    }
  }
}

/** The error of a statement that came after a failed one: it does not say why. */
const isAborted = (error: unknown) => (error as { code?: unknown } | null)?.code === '25P02'

/** A connection for the time of a transaction. */
class Connection implements DatabaseConnection {
  readonly #client: pg.PoolClient
  /** Statements that were sent and not answered. */
  readonly #sent = new Set<Promise<unknown>>()

  constructor(client: pg.PoolClient) {
    this.#client = client
  }

  async executeQuery<R>({ sql, parameters }: CompiledQuery): Promise<QueryResult<R>> {
    const { command, rowCount, rows } = await this.send(sql, parameters)
    return { rows, ...(command !== 'SELECT' && rowCount !== null && { numAffectedRows: BigInt(rowCount) }) }
  }

  send(text: string, values: readonly unknown[] = []): Promise<pg.QueryResult> {
    const sent = this.#client.query({ name: nameOf(text), text, values: [...values] })
    this.#sent.add(sent)
    // A failed statement stays among them, so that the commit reports it.
    sent.then(
      () => this.#sent.delete(sent),
      () => {},
    )
    return sent
  }

  async commit(): Promise<void> {
    const sent = [...this.#sent]
    const commit = this.#client.query('commit')
    // After a failure PostgreSQL answers a commit with a rollback.
    const [{ command }] = await Promise.all([commit, ...sent])
    if (command !== 'COMMIT') throw new Error('the transaction was rolled back: a statement of it had failed')
  }

  /** Why the first statement failed; `otherwise` when none did. */
  async firstFailure(otherwise: unknown): Promise<unknown> {
    const ends = await Promise.allSettled(this.#sent)
    return ends.find(end => end.status === 'rejected')?.reason ?? otherwise
  }

  streamQuery(): never {
    throw new Error('nothing is streamed in a transaction')
  }
}
