import { controlPlaneKeepsItsPromises } from '../contracts/control-plane.ts'
import { postgresServer } from '../support/postgres.ts'

const server = postgresServer()

controlPlaneKeepsItsPromises('PostgreSQL', async () => {
  const url = await server.database()
  const plan = async (sql: string, parameters: readonly unknown[]) =>
    (await server.ask(url, `explain ${sql}`, parameters)).map(row => row['QUERY PLAN']).join('\n')
  return { url, ask: sql => server.ask(url, sql), plan }
})
