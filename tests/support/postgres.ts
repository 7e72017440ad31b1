import { afterAll, beforeAll } from 'vitest'
import { type PostgresProcess, startPostgres } from './postgres-process.ts'

/** What is lost when the machine goes down is no loss here. */
const QUICK = ['fsync=off', 'synchronous_commit=off', 'full_page_writes=off', 'shared_buffers=64MB', 'max_connections=200']

/** A PostgreSQL server for the tests of a file, on a socket in a folder of its own; call it at the top of the file. */
export function postgresServer() {
  let server: PostgresProcess | undefined
  let databases = 0

  beforeAll(async () => {
    server = await startPostgres(QUICK)
  })

  afterAll(() => server?.close())

  return {
    /** A new empty database; its address. */
    async database(): Promise<string> {
      const name = `test_${++databases}`
      await server!.ask('postgres', `create database ${name}`)
      return server!.urlOf(name)
    },
    /** Asks the database at an address of this server something, on a connection of its own. */
    ask: (url: string, sql: string, parameters?: readonly unknown[]) => server!.ask(new URL(url).pathname.slice(1), sql, parameters),
  }
}
