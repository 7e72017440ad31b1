import { DatabaseSync } from 'node:sqlite'
import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { FleetRunner } from '../support/fleet-runner.ts'
import { fleetServer } from '../support/fleet-server.ts'
import { patience } from '../support/patience.ts'

/** More runs, or the other store: FLEET_RUNS=500 FLEET_STORE=postgres npx vitest run tests/crash/fleet.test.ts */
const RUNS = Number(process.env.FLEET_RUNS ?? 200)
const RUNNERS = 20
const openServer = fleetServer(2_000)
const MOST_MS = patience(300_000 + 1_000 * RUNS)

test(
  `${RUNNERS} runners do ${RUNS} runs once each while they and the server are killed, and no event is lost`,
  async () => {
    const { file, url, api, project, faults, connections, restart, allDone, allEvents } = await openServer()
    for (let n = 0; n < RUNS; n += 20)
      await Promise.all(
        Array.from({ length: Math.min(20, RUNS - n) }, (_, i) => api.post('/runs', { project_id: project.id, goal: `goal ${n + i}` })),
      )
    const runners = Array.from({ length: RUNNERS }, (_, n) => new FleetRunner(url, `dev_${n}`))
    for (const runner of runners) runner.start()

    const began = performance.now()
    const counts = { server: 0, runner: 0, forgetting: 0 }
    const killing = new AbortController()
    const kills = (async () => {
      for (let n = 1; !killing.signal.aborted; n++) {
        await delay(50 + Math.random() * 250, undefined, { signal: killing.signal }).catch(() => {})
        const victim = runners[Math.floor(Math.random() * RUNNERS)]!
        const forgetting = n % 10 === 0
        await victim.kill({ forgetting })
        counts[forgetting ? 'forgetting' : 'runner']++
        victim.start()
        // The first soon, since a quick machine is done after some seconds.
        if (n % 12 !== 3) continue
        counts.server++
        await restart()
      }
    })()
    await allDone(MOST_MS).finally(() => killing.abort())
    await kills
    for (const runner of runners) await runner.kill({ forgetting: false })
    const seconds = Math.round((performance.now() - began) / 1000)

    const all = await allEvents()
    process.stderr.write(
      `${RUNS} runs in ${seconds} s; killed: ${JSON.stringify(counts)}; ${all.length} events, ${connections()} connections\n`,
    )

    expect(faults).toEqual([])
    expect(counts.server).toBeGreaterThan(0)
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
    if (file === null) return
    const rows = new DatabaseSync(file, { readOnly: true })
    expect(rows.prepare("select count(*) as n from task_history where kind = 'reported'").get()).toEqual({ n: RUNS })
    rows.close()
  },
  2 * MOST_MS,
)
