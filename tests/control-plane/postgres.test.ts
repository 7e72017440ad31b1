import { controlPlaneKeepsItsPromises } from '../contracts/control-plane.ts'
import { postgresServer } from '../support/postgres.ts'

const server = postgresServer()

controlPlaneKeepsItsPromises('PostgreSQL', async () => {
  const url = await server.database()
  return { url, ask: sql => server.ask(url, sql) }
})
