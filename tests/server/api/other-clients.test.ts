import { expect, test } from 'vitest'
import { station } from '../station.ts'

/* What consoles, collections of requests and scripts of other control planes send and look for. */

test('a run can be made by a form in the query, which may not contradict the body', async () => {
  const s = await station()
  const project_id = await s.project()
  const query = new URLSearchParams({
    project_id,
    goal: 'Fix the login',
    name: 'Login',
    run_type: 'workflow',
    dry_run: 'true',
    max_steps: '7',
  })
  const made = await s.call('POST', `/runs?${query}`)
  expect(made.status).toBe(201)
  expect(made.json).toMatchObject({
    project_id,
    goal: 'Fix the login',
    name: 'Login',
    run_type: 'workflow',
    options: { dry_run: true, max_steps: 7 },
  })
  const both = await s.post('/runs?max_steps=7&goal=Fix+it', { goal: 'Fix it', options: { verbose: true }, name: null })
  expect(both.json).toMatchObject({ goal: 'Fix it', options: { verbose: true, max_steps: 7 } })
  const top = await s.post('/runs', { goal: 'Fix it', dry_run: true, max_steps: 5, model: 'opus', options: { max_steps: 5 } })
  expect(top.json.options).toEqual({ dry_run: true, max_steps: 5, model: 'opus' })
  for (const [query, body] of [
    ['?goal=x', { goal: 'y' }],
    ['?dry_run=true', { goal: 'y', dry_run: false }],
    ['?dry_run=true', { goal: 'y', options: { dry_run: false } }],
    ['', { goal: 'y', max_steps: 5, options: { max_steps: 6 } }],
    ['', { goal: 'y', max_steps: -1 }],
    ['', { goal: 'y', max_steps: 1.5 }],
  ] as const)
    expect([query, body, (await s.post(`/runs${query}`, body)).status]).toEqual([query, body, 422])
  expect((await s.call('POST', '/runs?goal=x&max_steps=many')).json.detail).toBe('query max_steps: must be a number')
  expect((await s.call('POST', '/runs')).json.detail).toContain('body goal: is missing')
})

test('a field that is null is the same as one that is left out', async () => {
  const s = await station()
  const project_id = await s.project()
  const nulls = {
    name: null,
    options: null,
    metadata: null,
    steps: null,
    run_type: null,
    role: null,
    priority: null,
    depends_on: null,
    branch: null,
  }
  const made = await s.post('/runs', { project_id, goal: 'Fix it', ...nulls })
  expect(made.json).toMatchObject({ name: 'Fix it', options: {}, metadata: {}, steps: null, run_type: 'agent' })
  const inside = { dry_run: null, verbose: null, max_steps: null, model: null, timeout: null, budget: null }
  expect((await s.post('/runs', { project_id, goal: 'Fix it', options: inside })).json.options).toEqual({})
  const task = await s.post('/api/v1/tasks', { project_id: null, title: null, description: 'Fix it\nsoon', labels: null, model: null })
  expect(task.json).toMatchObject({ title: 'Fix it', description: 'Fix it\nsoon', role: 'fullstack_dev', labels: [] })
})

test('a workflow or pipeline without steps has one: its goal', async () => {
  const s = await station()
  const project_id = await s.project()
  for (const run_type of ['workflow', 'pipeline'])
    expect((await s.post('/runs', { project_id, goal: 'Fix it', run_type })).json.steps).toEqual([{ goal: 'Fix it' }])
  expect((await s.post('/runs', { project_id, goal: 'Fix it', steps: [{ goal: 'x' }] })).status).toBe(422)
})

test('without a project the only one is meant, of several the one named default, and otherwise it is asked for', async () => {
  const s = await station()
  expect((await s.post('/api/v1/tasks', { description: 'Fix it' })).json.detail).toBe(
    'project_id: is missing, and there is no project yet; POST /projects makes one',
  )
  const only = await s.project('shop')
  expect((await s.post('/api/v1/tasks', { description: 'Fix it' })).json.project_id).toBe(only)
  await s.project('site')
  const several = await s.post('/runs', { goal: 'Fix it' })
  expect([several.status, several.json.detail]).toEqual([
    422,
    'project_id: is missing, and there are several projects, none of them named `default`',
  ])
  const named = await s.project('default')
  expect((await s.post('/runs', { goal: 'Fix it' })).json.project_id).toBe(named)
  // A customer's key means the customer's own.
  const key = await s.key('admin')
  const own = await s.project('acme', { key })
  expect((await s.post('/runs', { goal: 'Fix it' }, { key })).json.project_id).toBe(own)
})

test('events bear the names that other clients look for, and a message for people', async () => {
  const s = await station()
  const run = await s.run(await s.project())
  const [event] = (await s.get(`/runs/${run.id}/events`)).json
  expect(event).toMatchObject({ id: event.cursor, payload: event.data, created_at: event.at, message: 'the run Mend it was created' })
  await s.post(`/runs/${run.id}/pause`)
  const rest = await s.get(`/runs/${run.id}/events?after_id=${event.id}`)
  expect(rest.json.map(({ type }: { type: string }) => type)).toEqual(['RUN_PAUSED'])
  expect((await s.get(`/events?after_id=${event.id}`)).json).toEqual(rest.json)
})

test('a query key that nobody reads is refused and named, on every route that has a door', async () => {
  const s = await station()
  const run = await s.run(await s.project())
  const paths = [
    '/projects',
    '/runs',
    `/runs/${run.id}`,
    `/runs/${run.id}/events`,
    `/runs/${run.id}/diff`,
    '/events',
    '/workers',
    '/worker/status',
    '/api/v1/tasks',
    '/metrics',
  ]
  for (const path of paths) {
    const { status, json } = await s.get(`${path}?stauts=QUEUED`)
    expect([path, status, json?.errors?.[0]?.path]).toEqual([path, 422, 'stauts'])
  }
  expect((await s.call('POST', `/runs/${run.id}/pause?force=1`)).status).toBe(422)
  expect((await s.get('/health?x=1')).status).toBe(200)
})

test('a worker that knows nothing but a task can take it, tell of it and end it', async () => {
  const s = await station()
  await s.project()
  const { id, run_id } = (await s.post('/api/v1/tasks', { description: 'Fix it' })).json
  const task = `/api/v1/tasks/${id}`
  expect((await s.post(`${task}/complete`, { success: true })).status).toBe(409)
  const taken = (await s.get('/api/v1/tasks/poll')).json
  expect(taken).toMatchObject({ task: { id, state: 'running' }, run: { id: run_id, agent_id: taken.task.locked_by } })
  // Who else asks without a name is somebody else.
  expect((await s.get('/api/v1/tasks/poll?wait=0')).status).toBe(204)
  expect((await s.post(`${task}/heartbeat`, {})).json).toMatchObject({ lease: { epoch: 1 }, wishes: [] })
  for (const logs of [['one', { message: 'two', level: 'info' }], ['three']])
    expect((await s.post(`${task}/logs`, { logs })).status).toBe(200)
  const log = (await s.get(`/runs/${run_id}/logs`)).json
  expect(log.map(({ message }: { message: string }) => message)).toEqual(['one', 'two', 'three'])
  expect(log[1].payload).toEqual({ message: 'two', level: 'info' })
  for (const _ of ['sent', 'sent again'])
    expect((await s.post(`${task}/complete`, { success: true, result: { files: 2 } })).json).toEqual({ result: 'reported' })
  const done = (await s.get(task)).json
  expect([done.status, done.state]).toEqual(['dev_done', 'completed'])
  expect(done.notes).toContain('"files": 2')
})

test('a worker that failed says so, and its error is the note', async () => {
  const s = await station()
  await s.project()
  const { id, run_id } = (await s.post('/api/v1/tasks', { description: 'Fix it' })).json
  await s.get('/api/v1/tasks/poll')
  await s.post(`/api/v1/tasks/${id}/complete`, { success: false, error: 'no compiler' })
  expect((await s.get(`/api/v1/tasks/${id}`)).json).toMatchObject({ status: 'pending', state: 'failed' })
  expect((await s.get(`/runs/${run_id}`)).json).toMatchObject({ status: 'FAILED', error: 'no compiler' })
})

test('a worker that says two things at once is refused, and one that holds nothing is told what to do', async () => {
  const s = await station()
  await s.project()
  const { id } = (await s.post('/api/v1/tasks', { description: 'Fix it' })).json
  expect((await s.post(`/api/v1/tasks/${id}/complete`, { success: true })).json).toMatchObject({
    status: 409,
    advice: expect.stringContaining('poll'),
  })
  await s.get('/api/v1/tasks/poll')
  for (const said of [
    { success: true, error: 'boom' },
    { success: true, outcome: 'parked' },
    { success: false, outcome: 'reported' },
  ])
    expect((await s.post(`/api/v1/tasks/${id}/complete`, said)).status).toBe(422)
})

test('a poll without parameters is held open until there is work', async () => {
  const s = await station()
  await s.project()
  const waiting = s.get('/api/v1/tasks/poll')
  const { id } = (await s.post('/api/v1/tasks', { description: 'Fix it' })).json
  expect((await waiting).json.task.id).toBe(id)
})

test('the path of a project is an absolute one, and where the lanes of this process work it leads to a folder', async () => {
  const lanes = {
    ...{ checkSeconds: 30, count: () => 1, takeOne: async () => ({ runId: null }) },
    refusalOf: (path: string) => (path === '/srv/shop' ? null : 'is not there on this machine'),
  }
  const s = await station({ lanes })
  const make = async (local_path: string, more: object = {}) => (await s.post('/projects', { name: local_path, local_path, ...more })).json
  for (const path of ['shop', './shop', '~/shop', 'https://example.com/shop.git'])
    expect((await make(path)).detail).toContain('must be an absolute path')
  expect((await make('/srv/../etc')).detail).toContain('must not lead through ..')
  expect((await make('/srv/gone')).detail).toBe('body local_path: is not there on this machine')
  const { id } = await make('/srv/shop')
  expect((await s.call('PATCH', `/projects/${id}`, { json: { local_path: '/srv/gone' } })).status).toBe(422)
  // Paths of a customer are on the customer's machines.
  expect((await make('/srv/elsewhere', { customer: 'acme' })).local_path).toBe('/srv/elsewhere')
})
