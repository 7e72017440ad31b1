import { expect, test } from 'vitest'
import { waitFor } from '../../support/wait-for.ts'
import { openStream } from '../sse-client.ts'
import { DEV, POLL, station, waitingPoll } from '../station.ts'

/** A server that asks for keys, with two customers who have a project, a run and keys each. */
async function twoCustomers() {
  const s = await station()
  const acme = await customer(s, 'acme')
  const other = await customer(s, 'other')
  return { s, acme, other }
}

async function customer(s: Awaited<ReturnType<typeof station>>, name: string) {
  const [admin, worker, read] = [await s.key('admin', name), await s.key('worker', name), await s.key('read', name)]
  const project = await s.project('shop', { key: admin })
  const run = await s.run(project, `of ${name}`, {}, { key: admin })
  return { admin, worker, read, project, run }
}

test('a customer sees its own, and what belongs to another is as if it was not there', async () => {
  const { s, acme, other } = await twoCustomers()
  for (const key of [acme.admin, acme.worker, acme.read]) {
    for (const path of ['/projects', '/runs', '/api/v1/tasks', '/workers'])
      expect(JSON.stringify((await s.get(path, { key })).json)).not.toContain('other')
    expect((await s.get('/runs', { key })).json).toEqual([(await s.get(`/runs/${acme.run.id}`, { key })).json])
    const events = (await s.get('/events', { key })).json
    expect(new Set(events.map(({ run_id }: { run_id: string }) => run_id))).toEqual(new Set([acme.run.id]))
    const foreign = [
      `/projects/${other.project}`,
      ...['', '/events', '/logs', '/diff', '/artifacts', '/artifacts/x'].map(end => `/runs/${other.run.id}${end}`),
      `/runs/${other.run.id}/events/stream`,
      `/api/v1/tasks/${other.run.task_id}`,
    ]
    for (const path of foreign) expect([path, (await s.get(path, { key })).status]).toEqual([path, 404])
  }
  const key = acme.admin
  for (const verb of ['pause', 'resume', 'stop', 'retry'])
    expect((await s.post(`/runs/${other.run.id}/${verb}`, undefined, { key })).status).toBe(404)
  expect((await s.post(`/runs/${other.run.id}/directive`, { text: 'hello' }, { key })).status).toBe(404)
  expect((await s.post('/runs', { project_id: other.project, goal: 'steal' }, { key })).status).toBe(404)
  expect((await s.call('PATCH', `/projects/${other.project}`, { json: { name: 'mine' }, key })).status).toBe(404)
  expect((await s.call('DELETE', `/projects/${other.project}`, { key })).status).toBe(404)
  expect((await s.post('/projects', { name: 'x', local_path: '/x', customer: 'other' }, { key })).status).toBe(403)
  expect((await s.get(`/runs/${other.run.id}`, { key: other.read })).json.status).toBe('QUEUED')
})

test('a stream tells a customer its own events alone, and with a project only those of it', async () => {
  const { s, acme, other } = await twoCustomers()
  const streams = await Promise.all(
    [
      ['/events/stream?after=0', acme.read],
      ['/events/stream?after=0', other.read],
      [`/events/stream?after=0&project_id=${acme.project}`, await s.key('read', null)],
      [`/events/stream?after=0&project_id=${other.project}`, acme.read],
    ].map(([path, key]) => openStream(`${s.url}${path}`, { authorization: `Bearer ${key}` })),
  )
  await s.post(`/runs/${other.run.id}/pause`)
  await s.post(`/runs/${acme.run.id}/pause`)
  await waitFor('the last events', () => streams.slice(0, 3).every(({ messages }) => messages.length >= 2))
  const heard = streams.map(({ messages }) => messages.map(({ data }) => [data.run_id, data.type]))
  const [ofAcme, ofOther] = [acme, other].map(({ run }) => ['RUN_CREATED', 'RUN_PAUSED'].map(type => [run.id, type]))
  expect(heard).toEqual([ofAcme, ofOther, ofAcme, []])
})

test("a worker takes its own customer's tasks alone, and cannot touch what another holds", async () => {
  const { s, acme, other } = await twoCustomers()
  const taken = await s.get(POLL, { key: acme.worker })
  expect(taken.json.run.id).toBe(acme.run.id)
  expect((await s.get(POLL.replace('dev_1', 'dev_2'), { key: acme.worker })).status).toBe(204)
  const foreign = `/api/v1/tasks/${other.run.task_id}`
  expect((await s.post(`${foreign}/claim`, { ...DEV, run_id: other.run.id }, { key: acme.worker })).json.claim).toBe('taken')
  const task = `/api/v1/tasks/${acme.run.task_id}`
  const holder = { agent_id: 'dev_1', run_id: acme.run.id, epoch: 1 }
  // It has an agent of this name, too.
  await s.post('/api/v1/workers', { ...DEV }, { key: other.worker })
  for (const stranger of [other.worker, other.admin]) {
    const more = { key: stranger }
    expect((await s.post(`${task}/heartbeat`, holder, more)).status).toBe(409)
    expect(
      (await s.post(`${task}/logs`, { ...holder, events: [{ seq: 1, at: new Date().toISOString(), type: 'agent_text' }] }, more)).status,
    ).toBe(409)
    expect((await s.post(`${task}/complete`, { ...holder, status: 'dev_done' }, more)).json).toEqual({ result: 'lost' })
    const upload = `/api/v1/runs/${acme.run.id}/artifacts/diff.patch?agent_id=dev_1&epoch=1`
    expect((await s.call('PUT', upload, { ...more, text: 'x' })).status).toBe(409)
  }
  expect((await s.get(`/runs/${acme.run.id}`, { key: acme.read })).json.status).toBe('RUNNING')
  expect((await s.post(`${task}/complete`, { ...holder, status: 'dev_done' }, { key: acme.worker })).json).toEqual({ result: 'reported' })
})

test('a holder of an older claim changes nothing', async () => {
  const s = await station({ plane: { leaseMs: 50 } })
  const run = await s.run(await s.project())
  const task = `/api/v1/tasks/${run.task_id}`
  const first = (await s.get(POLL)).json
  const old = { agent_id: 'dev_1', run_id: run.id, epoch: first.lease.epoch }
  let second = await s.get(POLL.replace('dev_1', 'dev_2'))
  while (second.status === 204) second = await s.get(waitingPoll(1).replace('dev_1', 'dev_2'))
  expect(second.json).toMatchObject({ run: { id: run.id, agent_id: 'dev_2', attempt: 2 }, lease: { epoch: first.lease.epoch + 1 } })
  for (const holder of [old, { ...old, agent_id: 'dev_2' }]) {
    const beat = await s.post(`${task}/heartbeat`, holder)
    expect([beat.status, beat.json.type]).toEqual([409, 'urn:agent-runner:problem:lease-lost'])
    expect((await s.post(`${task}/logs`, { ...holder, events: [] })).status).toBe(409)
    expect((await s.post(`${task}/complete`, { ...holder, status: 'dev_done' })).json).toEqual({ result: 'lost' })
  }
})

test('each kind of key may do its part and no more, over all endpoints', async () => {
  const { s, acme } = await twoCustomers()
  const ranks = { read: acme.read, worker: acme.worker, admin: acme.admin }
  const ADMIN = /^(POST|PATCH|DELETE) \/(projects|runs|worker\/process|login-links)|\/(cancel|requeue)$/
  const needs = (method: string, path: string) => {
    if (/^\/(health|livez|readyz|openapi.json|docs|sessions)$/.test(path)) return 'open'
    if (ADMIN.test(`${method} ${path}`)) return 'admin'
    if (method !== 'GET' || /(poll|holding|mentions)$/.test(path)) return 'worker'
    return 'read'
  }
  const strict = await station({ controlPlane: s.plane, openToThisMachine: false })
  for (const [template, methods] of Object.entries(strict.document.paths)) {
    for (const name of Object.keys(methods)) {
      const method = name.toUpperCase()
      const path = template.replace('{id}', 'nothing').replace('{name}', 'nothing')
      // Left alone, a poll is held open.
      const query = /poll$/.test(template) ? '?wait=0' : ''
      if (/stream$/.test(path) && !/runs/.test(path)) continue
      const need = needs(method, template)
      const status = async (key?: string) => (await strict.call(method, path + query, { key })).status
      const refused = await Promise.all([undefined, ...Object.values(ranks)].map(status))
      const expected = [need !== 'open', need === 'worker' || need === 'admin', need === 'admin', template === '/login-links']
      const seen = [refused[0] === 401, refused[1] === 403, refused[2] === 403, refused[3] === 403 || refused[3] === 401]
      expect([method, template, ...seen]).toEqual([method, template, ...expected])
    }
  }
})

test('the streams of a key that is revoked end soon, and those of others go on', async () => {
  const { s, acme } = await twoCustomers()
  const open = (key: string, path: string) => openStream(`${s.url}${path}`, { authorization: `Bearer ${key}` })
  const theirs = await Promise.all([open(acme.read, '/events/stream'), open(acme.read, `/runs/${acme.run.id}/events/stream`)])
  const other = await open(acme.worker, '/events/stream?after=0')
  await s.plane.keys.revoke({ customer: null, name: 'user' }, acme.read.slice(0, 15))
  await Promise.all(theirs.map(stream => stream.closed))
  await s.post(`/runs/${acme.run.id}/pause`, undefined, { key: acme.admin })
  await waitFor('the other stream goes on', () => other.messages.some(({ data }) => data.type === 'RUN_PAUSED'))
  expect(theirs[0]!.messages).toEqual([])
  other.leave()
})

test('metrics count what a key may see: all customers and the server, or one customer alone', async () => {
  const { s, acme } = await twoCustomers()
  await s.run(acme.project, 'another', {}, { key: acme.admin })
  await s.get(POLL, { key: acme.worker })
  const queued = async (key?: string) => /agent_runner_runs\{status="QUEUED"\} (\d+)/.exec((await s.get('/metrics', { key })).text)?.[1]
  expect(await Promise.all([queued(), queued(await s.key('read', null)), queued(acme.read), queued(acme.admin)])).toEqual([
    '2',
    '2',
    '1',
    '1',
  ])
  const own = (await s.get('/metrics', { key: await s.key('read', 'other') })).text
  expect(own).toContain('agent_runner_workers 0')
  expect(own).not.toMatch(/subscribers|http_request|process_/)
  const all = (await s.get('/metrics')).text
  for (const name of ['agent_runner_event_subscribers 0', 'agent_runner_http_request_seconds_count', 'process_cpu'])
    expect(all).toContain(name)
})

test("the lanes of a server are not for a customer's projects", async () => {
  const lanes = { checkSeconds: 30, refusalOf: () => null, count: () => 1, takeOne: async () => ({ runId: null }) }
  const s = await station({ lanes })
  const ask = async (customer: string | null) =>
    (await s.post('/worker/process', undefined, { key: await s.key('admin', customer) })).status
  expect([await ask('acme'), await ask(''), await ask(null)]).toEqual([403, 200, 200])
})

test('a revoked key opens nothing from then on', async () => {
  const { s, acme } = await twoCustomers()
  expect((await s.get('/runs', { key: acme.read })).status).toBe(200)
  await s.plane.keys.revoke({ customer: null, name: 'user' }, acme.read.slice(0, 15))
  expect((await s.get('/runs', { key: acme.read })).status).toBe(401)
})

test('a customer that has used up its storage is told so with 409, its metrics tell how much it is, and others go on', async () => {
  const at = await station({ openToThisMachine: false, plane: { quota: 4_096 } })
  const [key, other] = [await at.key('admin', 'acme'), await at.key('admin', 'other')]
  const [shop, theirs] = [await at.project('shop', { key }), await at.project('shop', { key: other })]
  await at.run(shop, 'x'.repeat(5_000), {}, { key })
  const refused = await at.post('/runs', { project_id: shop, goal: 'more' }, { key })
  expect(refused).toMatchObject({ status: 409, json: { type: 'urn:agent-runner:problem:storage-full', advice: expect.any(String) } })
  expect((await at.post('/runs', { project_id: theirs, goal: 'more' }, { key: other })).status).toBe(201)
  const metrics = await at.get('/metrics', { key })
  expect(metrics.text).toMatch(/agent_runner_storage_bytes\{customer="acme"\} 1\d{4}\n/)
  expect(metrics.text).not.toContain('"other"')
  expect(at.faults).toEqual([])
})
