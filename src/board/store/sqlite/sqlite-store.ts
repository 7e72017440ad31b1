import { closeSync, mkdirSync, openSync, realpathSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as delay } from 'node:timers/promises'
import { asRunnerError, isShortage, RunnerError } from '../../../core/errors.ts'
import { WaitingRoom } from '../../queue/waiting-room.ts'
import { SQLITE } from '../differences.ts'
import { kyselyOn } from '../pinned.ts'
import type { Store } from '../store.ts'
import { Wakeups } from '../wakeups.ts'
import { groupCommit } from './group-commit.ts'
import { NodeSqliteDialect } from './sqlite-dialect.ts'
import { migrate } from './sqlite-migrations.ts'

/** How long a write waits for the writes of other processes, in milliseconds. */
const BUSY_MS = 5_000
/** How often the changes of other processes are looked for while somebody waits for one, in milliseconds. */
const LOOK_MS = 100

/**
 * Opens the SQLite file, making it and its folder when missing, and brings its tables up to date. Several processes may do so at once.
 * A write that was confirmed survives a power cut (WAL with full sync). Throws STATE_UNUSABLE.
 */
export async function openSqliteStore(path: string, { cacheKb }: { cacheKb?: number } = {}): Promise<Store> {
  const file = resolve(path)
  let database: DatabaseSync | undefined
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
    // Task texts are nobody else's business; SQLite gives its side files the rights of the main one.
    closeSync(openSync(file, 'a', 0o600))
    database = new DatabaseSync(file, { timeout: BUSY_MS, enableForeignKeyConstraints: true })
    // First, so that a file that is not ours to use is left as it is.
    migrate(database, file)
    await useWal(database)
    database.exec('pragma synchronous = full')
    if (cacheKb !== undefined) database.exec(`pragma cache_size = -${cacheKb}`)
    return storeOn(database, file)
  } catch (error) {
    database?.close()
    throw asSqliteError(error, file)
  }
}

/** The change to WAL does not wait for its turn when several processes open a new file at once, so it is tried again. */
async function useWal(database: DatabaseSync): Promise<void> {
  const until = performance.now() + BUSY_MS
  for (;;) {
    try {
      if (database.prepare('pragma journal_mode').get()?.journal_mode === 'wal') return
      database.exec('pragma journal_mode = wal')
    } catch (error) {
      if (!isBusy(error) || performance.now() > until) throw error
      await delay(5 + Math.random() * 20)
    }
  }
}

/** The store over an open database with today's tables. `queue` names the file for the connections of this process that take turns. */
export function storeOn(database: DatabaseSync, file: string, queue = realpathSync.native(file)): Store {
  const kysely = kyselyOn(new NodeSqliteDialect(database, queue))
  // The first counts what other connections changed, the second what this one did.
  const others = database.prepare('pragma data_version')
  const own = database.prepare('select total_changes() as changes')
  const working = new Set<Promise<unknown>>()
  const named = async <T>(work: Promise<T>): Promise<T> => {
    working.add(work)
    try {
      return await work
    } catch (error) {
      throw asSqliteError(error, file)
    } finally {
      working.delete(work)
    }
  }
  const mark = () => {
    try {
      return `${others.get()?.data_version}.${own.get()?.changes}`
    } catch (error) {
      throw asSqliteError(error, file)
    }
  }
  const wakeups = new Wakeups(mark, LOOK_MS)
  // What other processes changed is not known, only that they did.
  let watch: NodeJS.Timeout | undefined
  let last: unknown
  const othersChanged = () => {
    const now = database.isOpen ? others.get()?.data_version : last
    const changed = now !== last
    last = now
    return changed
  }
  const waiting = new WaitingRoom(
    () => {
      othersChanged()
      watch = setInterval(() => {
        if (othersChanged()) waiting.stir(null)
      }, LOOK_MS)
    },
    () => clearInterval(watch),
  )
  const write = groupCommit(database, kysely)
  return {
    url: file,
    differs: SQLITE,
    read: query => named(query(kysely.db)),
    write: change => named(write(change)).finally(() => wakeups.wake()),
    mark,
    changed: (since, ms, signal) => wakeups.wait(since, ms, signal),
    waiting,
    tell: () => {},
    told: topics => waiting.stir(topics),
    async close() {
      // What has begun is brought to its end.
      clearInterval(watch)
      while (working.size > 0) await Promise.allSettled(working)
      if (database.isOpen) database.close()
    },
  }
}

const SQLITE_BUSY = 5

function isBusy(error: unknown): boolean {
  return resultCode(error) === SQLITE_BUSY
}

/** SQLite's primary result code; undefined when the error is not SQLite's. */
function resultCode(error: unknown): number | undefined {
  const { code, errcode } = (error ?? {}) as { code?: string; errcode?: number }
  return code === 'ERR_SQLITE_ERROR' && errcode !== undefined ? errcode & 0xff : undefined
}

/** Codes that speak of the file or the disk: PERM, READONLY, IOERR, CORRUPT, FULL, CANTOPEN, NOTADB. https://sqlite.org/rescode.html */
const UNUSABLE = new Set([3, 8, 10, 11, 13, 14, 26])

/** What SQLite or the file system said, as the table of errors names it. */
export function asSqliteError(error: unknown, file: string): unknown {
  if (error instanceof RunnerError) return error
  if (isShortage(error)) return asRunnerError(error)
  const code = resultCode(error)
  const { message, syscall } = error as NodeJS.ErrnoException
  if (code === SQLITE_BUSY)
    return new RunnerError('TRACKER_UNREACHABLE', `${file} is busy: ${message}`, { cause: error, advice: BUSY_ADVICE })
  if ((code !== undefined && UNUSABLE.has(code)) || syscall)
    return new RunnerError('STATE_UNUSABLE', `${file}: ${message}`, { cause: error })
  return error
}

const BUSY_ADVICE = 'Another program holds the database; is a backup or a database tool open?'
