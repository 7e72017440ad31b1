import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { pathToFileURL } from 'node:url'
import type { Store } from '../store.ts'
import { isUpToDate, migrate } from './sqlite-migrations.ts'
import { asSqliteError, openSqliteStore, storeOn } from './sqlite-store.ts'

/** How long a look waits for the write of another process, in milliseconds. */
const BUSY_MS = 5_000

/**
 * The tables of a SQLite file for looking alone: neither the file nor its folder changes, not even their times, and a missing file
 * is one without rows. Tables of an older version are looked at in a copy elsewhere. Throws STATE_UNUSABLE.
 */
export async function openSqliteLook(path: string): Promise<Store> {
  const file = resolve(path)
  let database: DatabaseSync | undefined
  try {
    if (!existsSync(file)) {
      database = new DatabaseSync(':memory:')
      migrate(database, file)
      return storeOn(database, file, file)
    }
    database = new DatabaseSync(addressOf(file), { readOnly: true, timeout: BUSY_MS })
    if (isUpToDate(database, file)) return storeOn(database, file)
    const folder = mkdtempSync(join(tmpdir(), 'agent-runner-look-'))
    try {
      const copy = join(folder, 'copy.db')
      database.prepare('vacuum into ?').run(copy)
      database.close()
      const store = await openSqliteStore(copy)
      return { ...store, url: file, close: () => store.close().finally(() => remove(folder)) }
    } catch (error) {
      remove(folder)
      throw error
    }
  } catch (error) {
    if (database?.isOpen) database.close()
    throw asSqliteError(error, file)
  }
}

/** Opening a file in WAL mode makes two files beside it, unless it is said to be at rest; without a log of writes nobody has it open. */
function addressOf(file: string): URL | string {
  return existsSync(`${file}-wal`) ? file : new URL(`${pathToFileURL(file)}?immutable=1`)
}

function remove(folder: string): void {
  rmSync(folder, { recursive: true, force: true })
}
