import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { apiClient } from '../../support/api-client.ts'
import { freePort, startProgram } from '../../support/child-program.ts'
import { postgresServer } from '../../support/postgres.ts'
import { tempFolder } from '../../support/temp.ts'

const HOUR_MS = 3_600_000
const SERVER = join(import.meta.dirname, '../../fixtures/server-program.ts')
const ODD = join(import.meta.dirname, '../../support/odd-process.ts')
const postgres = postgresServer()

/** A database whose clock a test sets: how long it is beside the right time, in milliseconds. */
interface Clocked {
  url: string
  env: NodeJS.ProcessEnv
  set(ms: number): Promise<void>
}

async function sqlite(): Promise<Clocked> {
  const clock = join(tempFolder(), 'clock')
  writeFileSync(clock, '0')
  return {
    url: join(tempFolder(), 'agent-runner.db'),
    env: { NODE_OPTIONS: `--import=${ODD}`, AGENT_RUNNER_TEST_CLOCK: clock },
    set: async ms => writeFileSync(clock, String(ms)),
  }
}

/** PostgreSQL has a clock of its own, on a machine of its own. */
async function postgresql(): Promise<Clocked> {
  const url = await postgres.database()
  await postgres.ask(url, 'create schema odd')
  await postgres.ask(url, 'create table odd.beside (ms bigint)')
  await postgres.ask(url, 'insert into odd.beside values (0)')
  await postgres.ask(
    url,
    `create function odd.clock_timestamp() returns timestamptz language sql volatile
     as $$ select pg_catalog.clock_timestamp() + (select ms from odd.beside) * interval '1 millisecond' $$`,
  )
  const odd = new URL(url)
  odd.searchParams.set('options', '-c search_path=odd,pg_catalog,public')
  return { url: odd.toString(), env: {}, set: async ms => void (await postgres.ask(url, `update odd.beside set ms = ${ms}`)) }
}

/** So short that a server looks at leases every second. */
const LEASE_MS = 20_000
const STEPS = [HOUR_MS, -HOUR_MS, 8_760 * HOUR_MS, -8_760 * HOUR_MS]

describe.each([
  ['SQLite', sqlite],
  ['PostgreSQL', postgresql],
] as const)('on %s', (_name, database) => {
  test('no step of the clock takes a run from its holder, on no path, nor does a restart of the server after it', async () => {
    const { url: databaseUrl, env, set } = await database()
    const port = await freePort()
    const url = `http://127.0.0.1:${port}`
    const api = apiClient(url)
    const start = () => startProgram([SERVER, databaseUrl, String(port), String(LEASE_MS)], { env: { ...process.env, ...env } })
    let server = start()
    await api.ready()
    const project = await api.post('/projects', { name: 'shop', local_path: '/srv/shop' })
    const run = await api.post('/runs', { project_id: project.id, goal: 'Mend it' })
    const poll = (agent: string) => api.get(`/api/v1/tasks/poll?agent_id=${agent}&role=fullstack_dev&wait=1`)
    const { lease } = await poll('dev_1')
    const holder = { agent_id: 'dev_1', run_id: run.id, epoch: lease.epoch }
    const renew = () => api.post(`/api/v1/tasks/${run.task_id}/heartbeat`, holder)
    const others = async () => {
      expect(await poll('dev_2')).toBeNull()
      expect(
        await api.post(`/api/v1/tasks/${run.task_id}/claim`, { agent_id: 'dev_2', role: 'fullstack_dev', run_id: run.id }),
      ).toMatchObject({ claim: 'taken' })
    }
    for (const step of STEPS) {
      await set(step)
      await others()
      const until = Date.parse((await renew()).lease.until)
      expect(Math.abs(until - (Date.now() + step + LEASE_MS))).toBeLessThan(HOUR_MS / 2)
      await others()
      if (step !== STEPS[0] && step !== STEPS[1]) continue
      await server.kill()
      server = start()
      await api.ready()
      await others()
      await renew()
    }
    expect(await api.get(`/runs/${run.id}`)).toMatchObject({ status: 'RUNNING', agent_id: 'dev_1', attempt: 1 })
    expect(server.output()).not.toContain('fault')
    expect(await api.post(`/api/v1/tasks/${run.task_id}/complete`, { ...holder, status: 'dev_done' })).toEqual({ result: 'reported' })
  })
})
