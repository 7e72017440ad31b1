import pg from 'pg'
import { COUNTED, type DatabaseReport, newer } from '../database-report.ts'
import { POSTGRES_MIGRATIONS } from './postgres-migrations.ts'
import { asPostgresError, withoutPassword } from './postgres-store.ts'

/** Whether a PostgreSQL database can be used, and what is in it. Its files are its server's own business. Throws STATE_UNUSABLE, TRACKER_UNREACHABLE. */
export async function checkPostgres(url: string): Promise<DatabaseReport> {
  const shown = withoutPassword(url)
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 10_000, application_name: 'agent-runner' })
  try {
    await client.connect()
    const ask = async (sql: string) => (await client.query(sql)).rows[0]
    const there = async (table: string) => (await ask(`select to_regclass('${table}') as name`)).name !== null
    const version = (await there('agent_runner_version')) ? Number((await ask('select version from agent_runner_version')).version) : 0
    const counts: Record<string, number> = {}
    for (const table of COUNTED) if (await there(table)) counts[table] = Number((await ask(`select count(*) as n from ${table}`)).n)
    const bytes = Number((await ask('select pg_database_size(current_database()) as n')).n)
    const knows = POSTGRES_MIGRATIONS.length
    return { url: shown, kind: 'postgres', version, knows, bytes, counts, problems: newer(version, knows) }
  } catch (error) {
    throw asPostgresError(error, shown)
  } finally {
    await client.end().catch(() => {})
  }
}
