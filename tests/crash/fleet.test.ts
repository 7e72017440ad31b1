import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { apiClient } from '../support/api-client.ts'
import { freePort, startProgram } from '../support/child-program.ts'
import { FleetRunner } from '../support/fleet-runner.ts'
import { postgresServer } from '../support/postgres.ts'
import { reconnectingReader } from '../support/reconnecting-reader.ts'
import { tempFolder } from '../support/temp.ts'
import { waitFor } from '../support/wait-for.ts'

const SERVER = fileURLToPath(new URL('../fixtures/server-program.ts', import.meta.url))
/** More runs, or the other store: FLEET_RUNS=500 FLEET_STORE=postgres npx vitest run tests/crash/fleet.test.ts */
const RUNS = Number(process.env.FLEET_RUNS ?? 200)
const postgres = process.env.FLEET_STORE === 'postgres' ? postgresServer() : null
const RUNNERS = 20
const LEASE_MS = 2_000
const MOST_MS = 300 * RUNS + 20_000

test(
  `${RUNNERS} runners do ${RUNS} runs once each while they and the server are killed, and no event is lost`,
  async () => {
    const database = (await postgres?.database()) ?? join(tempFolder(), 'agent-runner.db')
    const port = await freePort()
    const url = `http://127.0.0.1:${port}`
    const api = apiClient(url)
    const startServer = () => startProgram([SERVER, database, String(port), String(LEASE_MS)])
    let server = startServer()
    await api.ready()
    const project = await api.post('/projects', { name: 'shop', local_path: '/srv/shop' })
    const reader = reconnectingReader(url)
    for (let n = 0; n < RUNS; n += 20)
      await Promise.all(
        Array.from({ length: Math.min(20, RUNS - n) }, (_, i) => api.post('/runs', { project_id: project.id, goal: `goal ${n + i}` })),
      )
    const runners = Array.from({ length: RUNNERS }, (_, n) => new FleetRunner(url, `dev_${n}`))
    for (const runner of runners) runner.start()

    const began = performance.now()
    const counts = { server: 0, runner: 0, forgetting: 0 }
    const killing = new AbortController()
    const faults: string[] = []
    const kills = (async () => {
      for (let n = 1; !killing.signal.aborted; n++) {
        await delay(50 + Math.random() * 250, undefined, { signal: killing.signal }).catch(() => {})
        const victim = runners[Math.floor(Math.random() * RUNNERS)]!
        const forgetting = n % 10 === 0
        await victim.kill({ forgetting })
        counts[forgetting ? 'forgetting' : 'runner']++
        victim.start()
        if (n % 12 !== 0) continue
        await server.kill()
        faults.push(
          ...server
            .output()
            .split('\n')
            .filter(line => line.startsWith('fault')),
        )
        counts.server++
        server = startServer()
        await api.ready()
      }
    })()
    const left = async () => (await api.get('/worker/status').catch(() => null)) as { queued: number; running: number } | null
    await waitFor(
      'all runs are done',
      async () => {
        const now = await left()
        return now !== null && now.queued + now.running === 0
      },
      MOST_MS,
    ).finally(() => killing.abort())
    await kills
    for (const runner of runners) await runner.kill({ forgetting: false })
    const seconds = Math.round((performance.now() - began) / 1000)

    const all: { cursor: number; seq: number; run_id: string; type: string; data: Record<string, unknown> }[] = []
    for (let after = 0; ; ) {
      const page = await api.get(`/events?after=${after}&limit=500`)
      if (page.length === 0) break
      all.push(...page)
      after = page.at(-1).cursor
    }
    await waitFor('the reader has caught up', () => reader.messages.at(-1)?.id === all.at(-1)?.cursor)
    await reader.stop()
    process.stderr.write(
      `${RUNS} runs in ${seconds} s; killed: ${JSON.stringify(counts)}; ${all.length} events, ${reader.connections()} connections\n`,
    )

    expect(faults).toEqual([])
    expect(counts.server).toBeGreaterThan(0)
    // The reader has all that there is, in its order, none twice.
    expect(reader.messages.map(message => message.id)).toEqual(all.map(event => event.cursor))
    const byRun = Map.groupBy(all, event => event.run_id)
    expect(byRun.size).toBe(RUNS)
    for (const [id, events] of byRun) {
      expect(await api.get(`/runs/${id}`)).toMatchObject({ status: 'COMPLETED' })
      expect(events.map(event => event.seq)).toEqual(events.map((_, n) => n + 1))
      expect(events.filter(event => event.type === 'RUN_COMPLETED')).toHaveLength(1)
      // Whoever completed it has told all of its steps, each once, in their order.
      const last = events.find(event => event.type === 'RUN_COMPLETED')!.data.by
      const told = events.filter(event => event.data.type === 'agent_text' && event.data.agentId === last).map(event => event.data.text)
      expect(told).toEqual(['step 1', 'step 2', 'step 3', 'step 4'])
    }
    // Nobody was told twice that he had done a run, and no two that they had done the same.
    const reported = runners.flatMap(runner => runner.reported)
    expect(new Set(reported).size).toBe(reported.length)
    if (postgres) return
    const rows = new DatabaseSync(database, { readOnly: true })
    expect(rows.prepare("select count(*) as n from task_history where kind = 'reported'").get()).toEqual({ n: RUNS })
    rows.close()
  },
  MOST_MS + 60_000,
)
