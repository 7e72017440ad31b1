import { setTimeout as delay } from 'node:timers/promises'
import { CompiledQuery } from 'kysely'
import pg from 'pg'
import { RunnerError } from '../../../core/errors.ts'
import { POSTGRES } from '../differences.ts'
import { kyselyOn } from '../pinned.ts'
import type { Store } from '../store.ts'
import { LiteralPostgresDialect } from './postgres-dialect.ts'
import { openListener, TELL } from './postgres-listener.ts'
import { POSTGRES_MIGRATIONS } from './postgres-migrations.ts'
import { transactionsOf } from './postgres-transaction.ts'

/** Connections of one process. More would only wait for each other. */
const CONNECTIONS = 10
/** How long a connection may take, and how long one waits for a free one, in milliseconds. */
const CONNECT_MS = 10_000
/** How often a change is begun anew when another transaction was in its way. */
const TRIES = 5
/** Any number, as long as no other program that shares the database uses it for its advisory locks. */
const MIGRATION_LOCK = 4_207_849_162

const INT8 = 20
const TEXT = 'text'

/** Opens a PostgreSQL database (version 13 or newer) and brings its tables up to date; of several processes one works, the others wait. Throws STATE_UNUSABLE. */
export async function openPostgresStore(url: string): Promise<Store> {
  const shown = withoutPassword(url)
  const config = {
    connectionString: url,
    connectionTimeoutMillis: CONNECT_MS,
    application_name: 'agent-runner',
    // Our numbers stay below 2^53; pg would hand out text.
    types: {
      getTypeParser: (id: number, format?: 'text' | 'binary') =>
        id === INT8 ? Number : pg.types.getTypeParser(id, (format ?? TEXT) as 'text'),
    },
  }
  const pool = new pg.Pool({ ...config, max: CONNECTIONS, allowExitOnIdle: true, pipeline: true })
  // A connection that breaks fails what was asked of it, and is replaced by the pool; without listeners it would end the process.
  pool.on('error', () => {})
  pool.on('connect', client => void client.on('error', () => {}))
  const kysely = kyselyOn(new LiteralPostgresDialect({ pool }))
  const transaction = transactionsOf(pool, kysely)
  const named = async <T>(work: Promise<T>): Promise<T> => {
    try {
      return await work
    } catch (error) {
      throw asPostgresError(error, shown)
    }
  }
  try {
    await named(migrate(pool, shown))
  } catch (error) {
    await pool.end()
    throw error
  }
  const listener = openListener(() => new pg.Client(config))
  let closing: Promise<void> | undefined
  return {
    url: shown,
    differs: POSTGRES,
    read: query => named(query(kysely.db)),
    write: change => named(untilAlone(() => transaction(change))),
    mark: listener.mark,
    changed: listener.changed,
    waiting: listener.waiting,
    tell(db, topics) {
      // Goes along with the commit.
      for (const topic of topics) db.executeQuery(CompiledQuery.raw(TELL, [topic])).catch(() => {})
    },
    told: () => {},
    close() {
      closing ??= Promise.all([listener.close(), kysely.db.destroy()]).then(() => {})
      return closing
    },
  }
}

/** Two transactions that wait for each other: PostgreSQL ends one of them, which is begun anew. */
async function untilAlone<T>(transaction: () => Promise<T>): Promise<T> {
  for (let tried = 1; ; tried++) {
    try {
      return await transaction()
    } catch (error) {
      const code = (error as { code?: string }).code
      if (tried === TRIES || (code !== '40P01' && code !== '40001')) throw error
      await delay(Math.random() * 20 * tried)
    }
  }
}

/** Brings the tables up to date, all steps or none. Throws STATE_UNUSABLE when the database was made by a newer version of this program. */
export async function migrate(pool: pg.Pool, shown: string, migrations: readonly string[] = POSTGRES_MIGRATIONS): Promise<void> {
  const client = await pool.connect()
  try {
    await client.query('begin')
    await client.query(`select pg_advisory_xact_lock(${MIGRATION_LOCK})`)
    await client.query('create table if not exists agent_runner_version (version integer not null)')
    const { rows } = await client.query<{ version: number }>('select version from agent_runner_version')
    const version = rows[0]?.version ?? 0
    if (version > migrations.length)
      throw new RunnerError(
        'STATE_UNUSABLE',
        `${shown} was made by a newer agent-runner: its version is ${version}, this one knows ${migrations.length}`,
        { advice: 'Use the newer agent-runner, or another database.' },
      )
    for (const step of migrations.slice(version)) await client.query(step)
    if (rows.length === 0) await client.query('insert into agent_runner_version values ($1)', [migrations.length])
    else if (version < migrations.length) await client.query('update agent_runner_version set version = $1', [migrations.length])
    await client.query('commit')
  } catch (error) {
    await client.query('rollback').catch(() => {})
    throw error
  } finally {
    client.release()
  }
}

/** The address as it may be shown and logged. */
export function withoutPassword(url: string): string {
  try {
    const parsed = new URL(url)
    if (parsed.password) parsed.password = '***'
    if (parsed.searchParams.has('password')) parsed.searchParams.set('password', '***')
    return parsed.toString()
  } catch {
    return url.replace(/:[^:@/]*@/, ':***@')
  }
}

/** Classes of SQLSTATE that speak of the server and not of the statement: no connection, no rights, no room, shut down. */
const AWAY = /^(08|53|57P)/
const REFUSED = /^(28|3D|42501)/
const SOCKET = new Set(['ECONNREFUSED', 'ECONNRESET', 'ENOENT', 'ENOTFOUND', 'EHOSTUNREACH', 'ETIMEDOUT', 'EPIPE', 'EACCES'])

/** What PostgreSQL or the network said, as the table of errors names it. */
export function asPostgresError(error: unknown, shown: string): unknown {
  if (error instanceof RunnerError) return error
  const { code = '', message = String(error) } = (error ?? {}) as { code?: string; message?: string }
  const cause = { cause: error }
  if (REFUSED.test(code))
    return new RunnerError('STATE_UNUSABLE', `${shown}: ${message}`, {
      ...cause,
      advice: 'Check user, password, rights and name of the database.',
    })
  if (AWAY.test(code) || SOCKET.has(code) || /^(Connection terminated|timeout exceeded|Client has encountered)/.test(message))
    return new RunnerError('TRACKER_UNREACHABLE', `${shown} cannot be reached: ${message || code}`, {
      ...cause,
      advice: 'Does the PostgreSQL server run?',
    })
  return error
}
