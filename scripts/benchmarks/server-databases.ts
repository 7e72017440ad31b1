import { mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import pg from 'pg'
import { openControlPlane } from '../../src/board/control-plane.ts'
import { startPostgres } from '../../tests/support/postgres-process.ts'

type Value = string | number | null

/** A database as a program would use it that does without the control plane: one connection, statements prepared once. */
export interface BareDatabase {
  url: string
  /** SQLite's and PostgreSQL's words where they differ. */
  words: { begin: string; held: string; skippingHeld: string }
  /** One statement; its values stand in it as `?1`, `?2`. */
  run(sql: string, ...values: Value[]): Promise<Record<string, Value>[]>
  /** Does now what the database would do later beside the measurements: statistics, checkpoint, vacuum. */
  settle(): Promise<void>
  close(): Promise<void>
}

/** Databases with the control plane's tables, durable as users have them, all gone after `remove`. */
export interface Databases {
  name: string
  create(name: string): Promise<BareDatabase>
  remove(): Promise<void>
}

/** SQLite files, as the server opens them: WAL with full sync. */
export async function sqliteDatabases(): Promise<Databases> {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'agent-runner-bench-')))
  return {
    name: 'SQLite',
    async create(name) {
      const file = join(folder, `${name}.db`)
      await (await openControlPlane(file)).close()
      const database = new DatabaseSync(file, { timeout: 5_000 })
      database.exec('pragma synchronous = full')
      const prepared = new Map<string, StatementSync>()
      return {
        url: file,
        words: { begin: 'begin immediate', held: '', skippingHeld: '' },
        async run(sql, ...values) {
          const statement = prepared.get(sql) ?? database.prepare(sql)
          prepared.set(sql, statement)
          return statement.all(...values) as Record<string, Value>[]
        },
        settle: async () => database.exec('analyze; pragma wal_checkpoint(truncate)'),
        close: async () => database.close(),
      }
    },
    remove: async () => rmSync(folder, { recursive: true, force: true }),
  }
}

/** Databases of a PostgreSQL server of our own, with its settings for durability as they come. */
export async function postgresDatabases(): Promise<Databases> {
  const server = await startPostgres(['shared_buffers=256MB', 'max_wal_size=4GB', 'max_connections=50'])
  return {
    name: 'PostgreSQL',
    async create(name) {
      await server.ask('postgres', `create database ${name}`)
      const url = server.urlOf(name)
      await (await openControlPlane(url)).close()
      const client = new pg.Client({ connectionString: url })
      await client.connect()
      const names = new Map<string, string>()
      return {
        url,
        words: { begin: 'begin', held: 'for update', skippingHeld: 'for update skip locked' },
        async run(sql, ...values) {
          if (!names.has(sql)) names.set(sql, `statement_${names.size}`)
          return (await client.query({ name: names.get(sql)!, text: sql.replaceAll('?', '$'), values })).rows
        },
        async settle() {
          await client.query('vacuum analyze')
          await client.query('checkpoint')
        },
        close: () => client.end(),
      }
    },
    remove: () => server.close(),
  }
}
