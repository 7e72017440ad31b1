import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect } from 'vitest'
import { apiClient } from './api-client.ts'
import { freePort, startProgram } from './child-program.ts'
import { postgresServer } from './postgres.ts'
import { reconnectingReader } from './reconnecting-reader.ts'
import { tempFolder } from './temp.ts'
import { waitFor } from './wait-for.ts'

const SERVER = fileURLToPath(new URL('../fixtures/server-program.ts', import.meta.url))

/** An event as the server lists it. */
interface Told {
  cursor: number
  seq: number
  run_id: string
  type: string
  data: Record<string, unknown>
}

/**
 * A server that is killed and comes back at its place, with one project and a reader of all its events; on SQLite, or with
 * FLEET_STORE=postgres on PostgreSQL. Call it at the top of the file, and what it answers in the test.
 */
export function fleetServer(leaseMs: number) {
  const postgres = process.env.FLEET_STORE === 'postgres' ? postgresServer() : null
  return async () => {
    const file = postgres ? null : join(tempFolder(), 'agent-runner.db')
    const database = file ?? (await postgres!.database())
    const port = await freePort()
    const url = `http://127.0.0.1:${port}`
    const api = apiClient(url)
    const start = () => startProgram([SERVER, database, String(port), String(leaseMs)])
    let server = start()
    await api.ready()
    const project: { id: string } = await api.post('/projects', { name: 'shop', local_path: '/srv/shop' })
    const reader = reconnectingReader(url)
    const faults: string[] = []

    async function restart(): Promise<void> {
      await server.kill()
      const lines = server.output().split('\n')
      faults.push(...lines.filter(line => line.startsWith('fault')))
      server = start()
      await api.ready()
    }

    async function left(): Promise<number | null> {
      const now: { queued: number; running: number } | null = await api.get('/worker/status').then(
        status => status.runs,
        () => null,
      )
      return now && now.queued + now.running
    }

    /** All events there are; the reader has them all, in their order, none twice. */
    async function allEvents(): Promise<Told[]> {
      const all: Told[] = []
      for (let page: Told[] = await api.get('/events?limit=500'); page.length > 0; ) {
        all.push(...page)
        page = await api.get(`/events?after=${all.at(-1)!.cursor}&limit=500`)
      }
      await waitFor('the reader has caught up', () => reader.messages.at(-1)?.id === all.at(-1)?.cursor)
      await reader.stop()
      expect(reader.messages.map(message => message.id)).toEqual(all.map(event => event.cursor))
      return all
    }

    return {
      /** The database's file; null on PostgreSQL. */
      file,
      url,
      api,
      project,
      /** What the server said of itself that must not be. */
      faults,
      connections: reader.connections,
      restart,
      allDone: (ms: number) => waitFor('all runs are done', async () => (await left()) === 0, ms),
      allEvents,
    }
  }
}
