import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { openControlPlane } from '../../../src/board/control-plane.ts'
import { postgresServer } from '../../support/postgres.ts'
import { tempFolder } from '../../support/temp.ts'
import { DEV, POLL, station } from '../station.ts'

const postgres = postgresServer()

describe.each([
  ['SQLite', async () => join(tempFolder(), 'agent-runner.db')],
  ['PostgreSQL', () => postgres.database()],
] as const)('on %s', (_name, newDatabase) => {
  async function customer() {
    const controlPlane = await openControlPlane(await newDatabase())
    onTestFinished(() => controlPlane.close())
    const s = await station({ controlPlane })
    const [admin, one, two] = [await s.key('admin'), await s.key('worker'), await s.key('worker')]
    const project = await s.project('shop', { key: admin })
    return { s, admin, one, two, project, run: (goal = 'Mend it') => s.run(project, goal, {}, { key: admin }) }
  }
  type Customer = Awaited<ReturnType<typeof customer>>

  /** Every word that can be said for an agent, with the holder's right id of run and epoch. */
  const words = ({ s }: Customer, run: { id: string; task_id: string }, epoch: number) => {
    const task = `/api/v1/tasks/${run.task_id}`
    const holder = { agent_id: DEV.agent_id, run_id: run.id, epoch }
    return [
      ['register', key => s.post('/api/v1/workers', { ...DEV }, { key })],
      ['poll', key => s.get(POLL, { key })],
      ['claim', key => s.post(`${task}/claim`, { ...DEV, run_id: run.id }, { key })],
      ['holding', key => s.get(`${task}/holding?agent_id=dev_1&role=backend_dev`, { key })],
      ['heartbeat', key => s.post(`${task}/heartbeat`, holder, { key })],
      ['heartbeat that names nobody', key => s.post(`${task}/heartbeat`, {}, { key })],
      ['logs', key => s.post(`${task}/logs`, { ...holder, events: [] }, { key })],
      ['artifact', key => s.call('PUT', `/api/v1/runs/${run.id}/artifacts/x?agent_id=dev_1&epoch=${epoch}`, { key, text: 'x' })],
      ['mentions', key => s.get('/api/v1/mentions?agent_id=dev_1', { key })],
      ['mentions read', key => s.post('/api/v1/mentions/read', { agent_id: 'dev_1', ids: [] }, { key })],
      ['complete', key => s.post(`${task}/complete`, { ...holder, status: 'dev_done' }, { key })],
      ['complete that names nobody', key => s.post(`${task}/complete`, { success: true }, { key })],
    ] as [string, (key: string) => ReturnType<typeof s.get>][]
  }

  test('no other worker key of the same customer speaks for an agent, on any route', async () => {
    const c = await customer()
    const run = await c.run()
    const { lease } = (await c.s.get(POLL, { key: c.one })).json
    for (const [name, say] of words(c, run, lease.epoch)) expect([name, (await say(c.two)).status]).toEqual([name, 403])
    expect((await c.s.get(`/runs/${run.id}`, { key: c.admin })).json).toMatchObject({ status: 'RUNNING', agent_id: 'dev_1' })
    for (const [name, say] of words(c, run, lease.epoch).slice(0, -1))
      expect([name, (await say(c.one)).status]).toEqual([name, 200].map(v => (v === 200 && name === 'mentions read' ? 204 : v)))
  })

  test('a key speaks for the agents that it registered, and for no agent that nobody did', async () => {
    const c = await customer()
    const run = await c.run()
    const spoken = words(c, run, 1).filter(([name]) => !['register', 'poll', 'claim'].includes(name))
    for (const [name, say] of spoken.filter(([name]) => !name.includes('nobody')))
      expect([name, (await say(c.one)).status]).toEqual([name, 403])
    expect((await c.s.post('/api/v1/workers', { ...DEV }, { key: c.one })).status).toBe(200)
    expect((await c.s.post('/api/v1/workers', { ...DEV }, { key: c.two })).status).toBe(403)
    expect((await c.s.get('/api/v1/mentions?agent_id=dev_1', { key: c.one })).status).toBe(200)
    // Of two that register at once, one has the agent.
    const both = await Promise.all([c.one, c.two].map(key => c.s.post('/api/v1/workers', { ...DEV, agent_id: 'new' }, { key })))
    expect(both.map(({ status }) => status).sort()).toEqual([200, 403])
  })

  test('an agent is free for another key once its own is revoked, and what an admin or a lane took is theirs', async () => {
    const c = await customer()
    await c.run()
    await c.s.get(POLL, { key: c.one })
    expect((await c.s.get(POLL, { key: c.two })).status).toBe(403)
    await c.s.plane.keys.revoke({ customer: null, name: 'user' }, c.one.slice(0, 15))
    expect((await c.s.post('/api/v1/workers', { ...DEV }, { key: c.two })).status).toBe(200)
    await c.run()
    const lane = { id: 'lane-1', role: 'backend_dev', level: 'senior' } as const
    expect((await c.s.post('/api/v1/workers', { ...DEV, agent_id: 'lane-1' }, { key: c.two })).status).toBe(200)
    expect(await c.s.plane.queue.next({ customer: 'acme' }, lane)).not.toBeNull()
    expect((await c.s.post('/api/v1/workers', { ...DEV, agent_id: 'lane-1' }, { key: c.two })).status).toBe(403)
  })

  test('ids in addresses are those of the run that is spoken of', async () => {
    const c = await customer()
    const [mine, other] = [await c.run('one'), await c.run('two')]
    await c.s.get(POLL, { key: c.one })
    const holder = { agent_id: 'dev_1', run_id: mine.id, epoch: 1 }
    const key = c.one
    for (const task of [other.task_id, 'tsk_none', other.id]) {
      expect((await c.s.post(`/api/v1/tasks/${task}/heartbeat`, holder, { key })).status).toBe(409)
      expect((await c.s.post(`/api/v1/tasks/${task}/logs`, { ...holder, events: [] }, { key })).status).toBe(409)
      expect((await c.s.post(`/api/v1/tasks/${task}/complete`, { ...holder, status: 'dev_done' }, { key })).json).toEqual({
        result: 'lost',
      })
    }
    expect(
      (await c.s.post(`/api/v1/tasks/${mine.task_id}/complete`, { ...holder, run_id: other.id, status: 'dev_done' }, { key })).json,
    ).toEqual({ result: 'lost' })
    expect((await c.s.post(`/api/v1/tasks/${mine.task_id}/heartbeat`, holder, { key })).status).toBe(200)
  })

  test('the same end can be told again, and another end is not the same', async () => {
    const c = await customer()
    const run = await c.run()
    await c.s.get(POLL, { key: c.one })
    const tell = async (said: object, key = c.one) =>
      (await c.s.post(`/api/v1/tasks/${run.task_id}/complete`, { agent_id: 'dev_1', run_id: run.id, epoch: 1, ...said }, { key })).json
        .result
    expect(await tell({ status: 'dev_done', note: 'Done.' })).toBe('reported')
    expect(await tell({ status: 'dev_done', note: 'Done.' })).toBe('reported')
    expect(await tell({ success: true })).toBe('reported')
    for (const said of [
      { status: 'qa_done' },
      { status: 'created' },
      { outcome: 'parked' },
      { outcome: 'given_back' },
      { success: false },
      { status: 'dev_done', epoch: 0 },
    ])
      expect([said, await tell(said)]).toEqual([said, 'lost'])
    await c.s.post('/api/v1/workers', { ...DEV, agent_id: 'dev_2' }, { key: c.two })
    expect(await tell({ status: 'dev_done', agent_id: 'dev_2' }, c.two)).toBe('lost')
    expect((await c.s.get(`/api/v1/tasks/${run.task_id}`, { key: c.admin })).json.status).toBe('dev_done')
  })
})
