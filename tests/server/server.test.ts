import { request } from 'node:http'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, expect, onTestFinished, test } from 'vitest'
import { openControlPlane } from '../../src/board/control-plane.ts'
import { startServer } from '../../src/server/server.ts'
import { endLease } from '../support/rows.ts'
import { tempFolder } from '../support/temp.ts'
import { waitFor } from '../support/wait-for.ts'
import { ask } from './ask.ts'
import { type Message, openStream } from './sse-client.ts'
import { DEV, POLL, station, waitingPoll } from './station.ts'

const nothing = { version: '0', onFault: () => {} }

async function newPlane(file = join(tempFolder(), 'agent-runner.db')) {
  const plane = await openControlPlane(file)
  onTestFinished(() => plane.close())
  return plane
}

describe('what may be listened on', () => {
  test('an address that others can reach needs keys, and one revoked is none', async () => {
    const controlPlane = await newPlane()
    const start = () => startServer({ ...nothing, controlPlane, host: '0.0.0.0', port: 0 })
    await expect(start()).rejects.toMatchObject({ code: 'USAGE', advice: expect.stringContaining('keys create') })
    const { id, key } = await controlPlane.keys.create({ kind: 'read', customer: null, name: '' })
    const server = await start()
    onTestFinished(() => server.close())
    expect((await ask(`${server.url}/runs`)).status).toBe(401)
    expect((await ask(`${server.url}/runs`, { headers: { authorization: `Bearer ${key}` } })).status).toBe(200)
    await controlPlane.keys.revoke({ customer: null, name: '' }, id)
    await expect(start()).rejects.toMatchObject({ code: 'USAGE' })
  })

  test('with a name of its own, as behind a proxy, a server on loopback is not open either', async () => {
    const controlPlane = await newPlane()
    const options = { ...nothing, controlPlane, host: '127.0.0.1', port: 0, allowedHosts: ['runner.example'] }
    await expect(startServer(options)).rejects.toMatchObject({ code: 'USAGE' })
    await controlPlane.keys.create({ kind: 'admin', customer: null, name: '' })
    const server = await startServer(options)
    onTestFinished(() => server.close())
    expect((await ask(`${server.url}/runs`, { headers: { host: 'runner.example' } })).status).toBe(401)
  })

  test('a port that is in use, and an address that is not ours, are said plainly', async () => {
    const s = await station()
    const start = (host: string, port: number) => startServer({ ...nothing, controlPlane: s.plane, host, port })
    await expect(start('127.0.0.1', Number(new URL(s.url).port))).rejects.toMatchObject({
      code: 'PORT_IN_USE',
      message: expect.stringContaining('in use'),
    })
    await s.plane.keys.create({ kind: 'admin', customer: null, name: '' })
    await expect(start('192.0.2.1', 0)).rejects.toMatchObject({ code: 'USAGE', message: expect.stringContaining('cannot listen') })
  })
})

test('a server that was gone for longer than a lease leaves every run to the runner that has it', async () => {
  const file = join(tempFolder(), 'agent-runner.db')
  const plane = await newPlane(file)
  const first = await station({ controlPlane: plane })
  const { id } = await first.run(await first.project())
  expect((await first.get(POLL)).json.run.id).toBe(id)
  await first.close()
  await endLease(file, id)
  const second = await station({ controlPlane: plane })
  expect((await second.get(POLL.replace('dev_1', 'dev_2'))).status).toBe(204)
  expect((await second.get(`/runs/${id}`)).json).toMatchObject({ status: 'RUNNING', attempt: 1 })
})

describe('waiting', () => {
  test('a waiting runner gets a run as soon as it is there, and of several each gets another', async () => {
    const s = await station()
    const project = await s.project()
    const began = performance.now()
    const polls = [1, 2, 3].map(n => s.get(waitingPoll(20).replace('dev_1', `dev_${n}`)))
    const runs = await Promise.all([1, 2, 3].map(n => s.run(project, `goal ${n}`)))
    const taken = (await Promise.all(polls)).map(({ json }) => json.run.id)
    expect(taken.sort()).toEqual(runs.map(({ id }) => id).sort())
    expect(performance.now() - began).toBeLessThan(20_000)
    expect(await s.get(waitingPoll(0.3).replace('dev_1', 'dev_9'))).toMatchObject({ status: 422 })
    expect((await s.get(waitingPoll(1).replace('dev_1', 'dev_9'))).status).toBe(204)
  })

  test('nothing is taken for a runner that has gone away while it waited', async () => {
    const s = await station()
    const project = await s.project()
    const left = request(`${s.url}${waitingPoll(30)}`, { agent: false }).on('error', () => {})
    await new Promise<void>(resolve => left.end(resolve))
    for (let i = 0; i < 3; i++) await s.get('/livez')
    left.destroy()
    for (let i = 0; i < 3; i++) await s.get('/livez')
    const run = await s.run(project)
    expect((await s.get(POLL.replace('dev_1', 'dev_2'))).json.run.id).toBe(run.id)
  })

  test('what a runner holds already is handed to it again, however often it asks', async () => {
    const s = await station()
    const run = await s.run(await s.project())
    const answers = await Promise.all([1, 2, 3].map(() => s.get(POLL)))
    expect(answers.map(({ json }) => [json.run.id, json.lease.epoch])).toEqual([1, 2, 3].map(() => [run.id, 1]))
  })

  test('a heartbeat that waits hears a wish at once, and not again what is known', async () => {
    const s = await station()
    const run = await s.run(await s.project())
    await s.get(POLL)
    const task = `/api/v1/tasks/${run.task_id}`
    const holder = { agent_id: DEV.agent_id, run_id: run.id, epoch: 1 }
    const began = performance.now()
    const waiting = s.post(`${task}/heartbeat`, { ...holder, wait: 20 })
    const asked = await s.post(`/runs/${run.id}/pause`)
    const { wishes, lease } = (await waiting).json
    expect(performance.now() - began).toBeLessThan(20_000)
    expect(wishes).toEqual([{ id: asked.json.wish_id, kind: 'pause', text: '', mode: 'now' }])
    expect(Date.parse(lease.until)).toBeGreaterThan(Date.now() + 60_000)
    expect((await s.post(`${task}/heartbeat`, { ...holder, known: [asked.json.wish_id] })).json.wishes).toEqual([])
  })
})

test('a server deletes what is older than it is told to keep: log lines, or whole timelines', async () => {
  const s = await station()
  const run = await s.run(await s.project())
  await s.get(POLL)
  const task = `/api/v1/tasks/${run.task_id}`
  const holder = { agent_id: DEV.agent_id, run_id: run.id, epoch: 1 }
  await s.post(`${task}/logs`, { ...holder, events: [{ seq: 1, at: new Date().toISOString(), type: 'agent_text', text: 'hello' }] })
  await s.post(`${task}/complete`, { ...holder, status: 'dev_done' })
  const types = async () => (await s.get(`/runs/${run.id}/events`)).json.map(({ type }: { type: string }) => type)
  expect(await types()).toEqual(['RUN_CREATED', 'RUN_STARTED', 'LOG', 'RUN_COMPLETED'])
  await station({ controlPlane: s.plane, keep: { eventDays: 1, logDays: 1 } })
  const second = await station({ controlPlane: s.plane, keep: { logDays: 0 } })
  await waitFor('the log is gone', async () => (await types()).length === 3)
  expect(await types()).toEqual(['RUN_CREATED', 'RUN_STARTED', 'RUN_COMPLETED'])
  await second.close()
  await station({ controlPlane: s.plane, keep: { eventDays: 0 } })
  await waitFor('all is gone', async () => (await types()).length === 0)
  expect((await s.get(`/runs/${run.id}`)).json.status).toBe('COMPLETED')
})

describe('the end', () => {
  test('who waits is let go of, streams end, what is under way is finished, and nothing is taken any more', async () => {
    const s = await station()
    const began = performance.now()
    const poll = s.get(waitingPoll(30))
    const stream = await openStream(`${s.url}/events/stream`)
    await waitFor('the subscription', async () => (await s.get('/metrics')).text.includes('subscribers 1'))
    await s.close()
    await stream.closed
    expect((await poll).status).toBe(204)
    expect(performance.now() - began).toBeLessThan(30_000)
    await expect(ask(`${s.url}/livez`)).rejects.toThrow()
    expect(s.faults).toEqual([])
  })

  test('closing twice at once is the same as closing once, and another server on the same database goes on', async () => {
    const s = await station()
    const other = await station({ controlPlane: s.plane })
    await Promise.all([s.close(), s.close()])
    expect((await other.get('/readyz')).status).toBe(200)
  })
})

test('a subscriber that comes back at random, to servers that are restarted at random, gets every event once and in order', async () => {
  const file = join(tempFolder(), 'agent-runner.db')
  const plane = await newPlane(file)
  const start = () => station({ controlPlane: plane })
  // Another process would have the database open like this.
  const elsewhere = await newPlane(file)
  let server = await start()
  const project = await server.project()
  let writing = true
  const writer = (async () => {
    const who = { customer: null, name: 'user' }
    const runs = await Promise.all([1, 2, 3].map(n => elsewhere.runs.create(who, { projectId: project, goal: `goal ${n}` })))
    for (let i = 0; i < 240; i++) {
      const { id } = runs[i % 3]!
      const at = i % 2 === 0 ? plane : elsewhere
      await (i % 6 < 3 ? at.runs.pause(who, id) : at.runs.resume(who, id))
    }
    writing = false
  })()
  const restarts = (async () => {
    for (let i = 0; i < 3; i++) {
      const old = server
      server = await start()
      await old.close()
      await waitFor('a while', () => !writing || Math.random() < 0.2)
    }
  })()
  const last = () => plane.events.last()
  const reader = async () => {
    const got: Message[] = []
    while (writing || (got.at(-1)?.id ?? 0) < (await last())) {
      const from = got.at(-1)?.id ?? 0
      const stream = await openStream(`${server.url}/events/stream`, { 'last-event-id': String(from) }).catch(() => null)
      if (!stream) continue
      let over = false
      void stream.closed.then(() => (over = true))
      const enough = 1 + Math.random() * 40
      await waitFor(
        'some events',
        async () => over || stream.messages.length > enough || (!writing && (stream.messages.at(-1)?.id ?? from) === (await last())),
      )
      stream.leave()
      got.push(...stream.messages)
    }
    return got
  }
  const [one, other] = await Promise.all([reader(), reader(), writer, restarts])
  const all = await plane.events.all({ customer: null, name: '' }, { limit: 10_000 })
  for (const got of [one, other]) expect(got.map(({ id }) => id)).toEqual(all.map(({ cursor }) => cursor))
  expect(all.length).toBe(243)
})

test('a server that can read and not write is alive and well, and not ready', async () => {
  const file = join(tempFolder(), 'agent-runner.db')
  const controlPlane = await newPlane(file)
  const s = await station({ controlPlane })
  const database = new DatabaseSync(file)
  onTestFinished(() => database.close())
  database.exec(`create trigger no_room before insert on write_probe begin select raise(fail, 'no room'); end`)
  const statusOf = async (path: string) => (await s.get(path)).status
  expect([await statusOf('/readyz'), await statusOf('/health'), await statusOf('/livez')]).toEqual([503, 200, 200])
  database.exec('drop trigger no_room')
  await waitFor('it is ready again', async () => (await statusOf('/readyz')) === 200)
})
