import type { DatabaseSync } from 'node:sqlite'
import { setImmediate as soon } from 'node:timers/promises'
import type { Kysely } from 'kysely'
import type { Pinning } from '../pinned.ts'
import type { Schema } from '../schema.ts'

type Change<T> = (db: Kysely<Schema>) => Promise<T>

interface Waiting {
  change: Change<unknown>
  resolve(result: unknown): void
  reject(error: unknown): void
}

const LONGEST_MS = 25
/** After a group that took longer, each answer gets a turn of its own. */
const SLOW_MS = 5

/**
 * Writes for many at once. A flush to disk takes longer than all the statements of a change, so those that come at the same moment share
 * one transaction, each inside of a savepoint: one that fails leaves no trace, and harms no other. All get their answers after the
 * commit, as if each had been alone. After `longestMs` of work a group is committed, so that writers in other processes get their turn
 * too.
 */
export function groupCommit(
  database: DatabaseSync,
  { db, pinnedTo }: Pinning,
  longestMs = LONGEST_MS,
): <T>(change: Change<T>) => Promise<T> {
  const waiting: Waiting[] = []
  let writing = false

  async function writeAll(): Promise<void> {
    writing = true
    while (waiting.length > 0) {
      // Requests that arrive together with the first are read from their sockets until then.
      await soon()
      await db.getExecutor().provideConnection(connection => writeGroup(database, pinnedTo(connection), waiting, longestMs))
    }
    writing = false
  }

  return <T>(change: Change<T>) =>
    new Promise<T>((resolve, reject) => {
      waiting.push({ change, resolve: resolve as Waiting['resolve'], reject })
      if (!writing) void writeAll()
    })
}

/** Takes from the waiting until the time is over, and never less than one. */
async function writeGroup(database: DatabaseSync, db: Kysely<Schema>, waiting: Waiting[], longestMs: number): Promise<void> {
  const until = performance.now() + longestMs
  const slow = performance.now() + SLOW_MS
  const done: (() => void)[] = []
  const begun: Waiting[] = []
  try {
    database.exec('begin immediate')
    do {
      const one = waiting.shift()!
      begun.push(one)
      database.exec('savepoint one')
      try {
        const result = await one.change(db)
        done.push(() => one.resolve(result))
      } catch (error) {
        // Some failures, such as a full disk, end the whole transaction.
        if (!(database.isOpen && database.isTransaction)) throw error
        database.exec('rollback to one')
        done.push(() => one.reject(error))
      }
      database.exec('release one')
    } while (waiting.length > 0 && performance.now() < until)
    database.exec('commit')
  } catch (error) {
    if (database.isOpen && database.isTransaction) database.exec('rollback')
    if (begun.length === 0) for (const one of waiting.splice(0)) one.reject(error)
    else if (begun.length === 1) begun[0]!.reject(error)
    // Nothing of it was done, and most of them may be done alone.
    else for (const one of begun) await writeGroup(database, db, [one], 0)
    return
  }
  for (const tell of done) {
    tell()
    // Each prepares its answer now. Short writes have short answers.
    if (performance.now() > slow) await soon()
  }
}
