import { closeSync, existsSync, fsyncSync, openSync, rmSync, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { RunnerError } from '../../core/errors.ts'
import { COUNTED, type DatabaseReport, newer } from './database-report.ts'
import { SQLITE_MIGRATIONS, versionOf } from './sqlite/sqlite-migrations.ts'
import { asSqliteError } from './sqlite/sqlite-store.ts'
import { isPostgres } from './store.ts'

/** Checks a database and changes nothing; others may use it meanwhile. Throws STATE_UNUSABLE, TRACKER_UNREACHABLE. */
export async function checkDatabase(url: string): Promise<DatabaseReport> {
  if (isPostgres(url)) return (await import('./postgres/postgres-care.ts')).checkPostgres(url)
  return onFile(url, { readOnly: true }, (database, file) => {
    const faults = database.prepare('pragma integrity_check').all()
    const damage = faults.map(row => String(row.integrity_check)).filter(text => text !== 'ok')
    const lost = database.prepare('pragma foreign_key_check').all()
    const orphans = lost.map(row => `${row.table} row ${row.rowid} belongs to a row of ${row.parent} that is not there`)
    const version = versionOf(database)
    const known = database.prepare(`select name from sqlite_schema where type = 'table'`).all()
    const tables = COUNTED.filter(table => known.some(row => row.name === table))
    const count = (table: string) => Number(database.prepare(`select count(*) as n from ${table}`).get()!.n)
    return {
      url: file,
      kind: 'sqlite' as const,
      version,
      knows: SQLITE_MIGRATIONS.length,
      bytes: bytesOf(database),
      counts: Object.fromEntries(tables.map(table => [table, count(table)])),
      problems: [...damage, ...orphans, ...newer(version, SQLITE_MIGRATIONS.length)],
    }
  })
}

/**
 * Copies the database, as it is at one moment, into a new file for its owner alone; others may go on writing. Throws EXISTS when the file
 * is there already, USAGE for PostgreSQL.
 */
export async function backupDatabase(url: string, target: string): Promise<{ file: string; bytes: number }> {
  refusePostgres(url, 'pg_dump makes a backup of a PostgreSQL database')
  const copy = resolve(target)
  return onFile(url, { readOnly: true }, database => {
    closeSync(newFile(copy))
    try {
      database.prepare('vacuum into ?').run(copy)
      for (const path of [copy, dirname(copy)]) flush(path)
      return { file: copy, bytes: statSync(copy).size }
    } catch (error) {
      rmSync(copy, { force: true })
      throw error
    }
  })
}

function newFile(path: string): number {
  try {
    return openSync(path, 'wx', 0o600)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    throw new RunnerError('EXISTS', `${path} is there already; a backup overwrites nothing`, { advice: 'Name a file that is not there.' })
  }
}

function flush(path: string): void {
  const descriptor = openSync(path, 'r')
  fsyncSync(descriptor)
  closeSync(descriptor)
}

/** Gives back the room of what was deleted. Needs the database for itself for a moment, and as much free room again. Throws USAGE for PostgreSQL. */
export async function vacuumDatabase(url: string): Promise<{ before: number; after: number }> {
  refusePostgres(url, 'PostgreSQL does this by itself (autovacuum)')
  return onFile(url, {}, database => {
    const before = bytesOf(database)
    database.exec('vacuum')
    database.exec('pragma wal_checkpoint(truncate)')
    return { before, after: bytesOf(database) }
  })
}

/** What is in the file and in the log of writes beside it. */
function bytesOf(database: DatabaseSync): number {
  return Number(database.prepare('pragma page_count').get()!.page_count) * Number(database.prepare('pragma page_size').get()!.page_size)
}

function refusePostgres(url: string, instead: string): void {
  if (isPostgres(url)) throw new RunnerError('USAGE', `only for SQLite; ${instead}`, { advice: '`agent-runner db check` works for both.' })
}

const BUSY_MS = 5_000

function onFile<T>(url: string, options: { readOnly?: boolean }, act: (database: DatabaseSync, file: string) => T): T {
  const file = resolve(url)
  if (!existsSync(file))
    throw new RunnerError('STATE_UNUSABLE', `there is no database at ${file}`, { advice: 'It is made by the first task, run or server.' })
  let database: DatabaseSync | undefined
  try {
    database = new DatabaseSync(file, { timeout: BUSY_MS, ...options })
    return act(database, file)
  } catch (error) {
    throw asSqliteError(error, file)
  } finally {
    database?.close()
  }
}
