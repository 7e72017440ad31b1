import { isPostgres, type Store } from './store.ts'

/**
 * Opens the database, making it when it is a SQLite file that is missing, and brings its tables up to date. Any number of processes may
 * do so at once. `cacheKb`: how much of a SQLite file is kept in memory; left out: its usual 2 MB. Throws STATE_UNUSABLE.
 */
export async function openStore(url: string, options: { cacheKb?: number } = {}): Promise<Store> {
  // Neither is loaded by those who use the other.
  if (isPostgres(url)) return (await import('./postgres/postgres-store.ts')).openPostgresStore(url)
  return (await import('./sqlite/sqlite-store.ts')).openSqliteStore(url, options)
}

/** Opens a SQLite file for looking alone, as if it were empty when it is missing. Nothing is touched. Throws STATE_UNUSABLE. */
export async function openLook(file: string): Promise<Store> {
  return (await import('./sqlite/sqlite-look.ts')).openSqliteLook(file)
}
