import { DatabaseSync, type SQLInputValue } from 'node:sqlite'
import { waitFor } from './wait-for.ts'

/** What SQLite answers while somebody else writes. */
const BUSY = 5

/** Does it as soon as nobody else writes. Waiting inside of SQLite would block the thread on which a transaction of this process has yet to end. */
export const onceFree = <T>(act: () => T): Promise<NonNullable<T>> =>
  waitFor('the database is free', () => {
    try {
      return act()
    } catch (error) {
      if ((error as { errcode?: number }).errcode === BUSY) return null as T
      throw error
    }
  })

/** Changes rows of a database past everybody who uses it, as another program would. */
export async function changeRows(file: string, statement: string, ...values: SQLInputValue[]): Promise<void> {
  const database = new DatabaseSync(file, { timeout: 0 })
  try {
    await onceFree(() => database.prepare(statement).run(...values))
  } finally {
    database.close()
  }
}

/** Time is moved, not waited for: the lease of a run is over from now on. Whoever holds it must be dead or stopped, or renews it. */
export const endLease = (file: string, runId: string) =>
  changeRows(file, 'update runs set lease_until = 1 where id = ? and lease_until is not null', runId)
