import { chmodSync, existsSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { RunnerError } from '../../core/errors.ts'

/** A lock that the system drops when its holder dies, however it dies. */
export interface OsLock {
  release(): void
}

/** Keeps references: the garbage collector would close, and so release, a lock that its owner has forgotten. */
const held = new Set<DatabaseSync>()

/**
 * Takes the lock that the file stands for, or returns null when another process holds it. It is an exclusive SQLite transaction on a file
 * that stays empty: portable, not inherited by children, and free at once after KILL. `waitMs`: how long to wait for a short holder
 * (somebody who only looks). Throws STATE_UNUSABLE where the disk cannot lock.
 */
export function takeLock(path: string, waitMs = 250): OsLock | null {
  let database: DatabaseSync
  try {
    database = new DatabaseSync(path, { timeout: waitMs })
    chmodSync(path, 0o600)
  } catch (error) {
    throw new RunnerError('STATE_UNUSABLE', `cannot open the lock ${path}: ${(error as Error).message}`, { cause: error })
  }
  try {
    database.exec('BEGIN EXCLUSIVE')
  } catch (error) {
    database.close()
    if (isBusy(error)) return null
    throw new RunnerError('STATE_UNUSABLE', `cannot lock ${path}: ${(error as Error).message}`, { cause: error })
  }
  held.add(database)
  return {
    release() {
      held.delete(database)
      database.close()
    },
  }
}

/** Whether some process holds the lock now. It delays nobody for longer than the look takes. */
export function isLocked(path: string): boolean {
  if (!existsSync(path)) return false
  const database = new DatabaseSync(path, { readOnly: true, timeout: 0 })
  try {
    database.prepare('SELECT count(*) FROM sqlite_schema').get()
    return false
  } catch (error) {
    if (isBusy(error)) return true
    throw new RunnerError('STATE_UNUSABLE', `cannot read the lock ${path}: ${(error as Error).message}`, { cause: error })
  } finally {
    database.close()
  }
}

function isBusy(error: unknown): boolean {
  // SQLITE_BUSY, https://www.sqlite.org/rescode.html#busy
  return (error as { errcode?: number }).errcode === 5
}
