import { expect, test } from 'vitest'
import type { ApiContext } from '../../../src/server/api/context.ts'
import { bareApi } from '../../../src/server/door/app.ts'
import { addRoutes } from '../../../src/server/server.ts'
import { waitFor } from '../../support/wait-for.ts'
import { checkAnswer, compilerOf } from '../docs/document.ts'
import { openStream } from '../sse-client.ts'
import { DEV, POLL, station } from '../station.ts'

test('every endpoint is called through the life of a run, and each answer is as the document says', async () => {
  const s = await station()
  const { get, post, call } = s
  expect((await get('/health')).json).toMatchObject({ status: 'ok', version: '1.2.3', database: 'sqlite' })
  expect((await get('/livez')).json).toEqual({ status: 'ok' })
  expect((await get('/readyz')).status).toBe(200)
  expect((await get('/docs')).text).toContain('<!doctype html>')
  expect((await get('/openapi.json')).json.openapi).toBe('3.1.1')

  const made = await post('/projects', { name: 'shop', local_path: '/srv/shop', colour: 'unknown fields are passed over' })
  expect([made.status, made.headers.location, made.headers['ignored-fields']]).toEqual([201, `/projects/${made.json.id}`, 'colour'])
  const form = await call('POST', '/projects?name=other&local_path=/srv/other')
  expect(form.json).toMatchObject({ name: 'other', local_path: '/srv/other', description: '', max_running: null })
  expect((await get('/projects')).json.map(({ name }: { name: string }) => name)).toEqual(['other', 'shop'])
  expect((await get('/projects?local_path=/srv/shop')).json).toEqual([made.json])
  expect((await call('PATCH', `/projects/${made.json.id}`, { json: { max_running: 2 } })).json.max_running).toBe(2)
  expect((await get(`/projects/${made.json.id}`)).json).toMatchObject({ name: 'shop', max_running: 2 })
  expect(await call('DELETE', `/projects/${form.json.id}`)).toMatchObject({ status: 204, text: '' })

  const project_id = made.json.id
  const draft = {
    project_id,
    goal: 'Fix the login\nIt is broken.',
    role: 'backend_dev',
    options: { model: 'sonnet', verbose: true, own: 1 },
    metadata: { ticket: 7 },
  }
  const run = await post('/runs', draft)
  expect([run.status, run.headers['ignored-fields']]).toEqual([201, undefined])
  expect(run.json).toMatchObject({
    status: 'QUEUED',
    name: 'Fix the login',
    goal: draft.goal,
    options: draft.options,
    metadata: { ticket: 7 },
  })
  expect((await get(`/runs?project_id=${project_id}&status=queued,running&text=LOGIN`)).json).toEqual([run.json])
  expect((await get(`/runs/${run.json.id}`)).json).toEqual(run.json)
  expect((await get(`/api/v1/tasks/${run.json.task_id}`)).json).toMatchObject({
    state: 'pending',
    plan: { verbose: true, dry_run: false, parts: null },
    complexity: 'major',
    model: 'sonnet',
    run_id: run.json.id,
  })
  expect((await post(`/runs/${run.json.id}/pause`)).json).toMatchObject({ run: { status: 'PAUSED' }, wish_id: null })
  expect((await post(`/runs/${run.json.id}/resume`)).json).toMatchObject({ run: { status: 'QUEUED' }, wish_id: null })

  expect((await post('/api/v1/workers', { ...DEV, labels: ['linux'], host: 'build-1' })).json).toMatchObject({
    agent_id: 'dev_1',
    current_run: null,
  })
  expect((await get(`${POLL}&peek=true`)).json).toMatchObject({ task: { id: run.json.task_id }, run: null, lease: null })
  expect((await get(`/api/v1/tasks/${run.json.task_id}/holding?agent_id=dev_1&role=backend_dev&level=senior`)).json).toEqual({
    holding: 'free',
  })
  const taken = (await get(POLL)).json
  expect(taken).toMatchObject({
    task: { state: 'running', locked_by: 'dev_1' },
    run: { id: run.json.id, status: 'RUNNING' },
    lease: { epoch: 1 },
  })
  expect((await get(`${POLL.replace('dev_1', 'dev_2')}`)).status).toBe(204)
  const task = `/api/v1/tasks/${run.json.task_id}`
  expect((await post(`${task}/claim`, { ...DEV, run_id: run.json.id })).json).toMatchObject({ claim: 'ours', lease: { epoch: 1 } })
  expect((await post(`${task}/claim`, { ...DEV, agent_id: 'dev_2', run_id: run.json.id })).json).toEqual({
    claim: 'taken',
    run: null,
    lease: null,
  })

  const holder = { agent_id: 'dev_1', run_id: run.json.id, epoch: 1 }
  const told = await post(`/runs/${run.json.id}/directive`, { text: 'Use the new API.' })
  const beat = await post(`${task}/heartbeat`, { ...holder, wait: 5 })
  expect(beat.json.wishes).toEqual([{ id: told.json.wish_id, kind: 'directive', text: 'Use the new API.', mode: 'now' }])
  const at = new Date().toISOString()
  const events = [
    { seq: 1, at, type: 'agent_text', text: 'I look at it.' },
    { seq: 2, at, type: 'tool_used', id: 't', tool: 'Bash', argument: 'ls' },
  ]
  for (const _ of ['sent', 'sent again']) expect((await post(`${task}/logs`, { ...holder, events })).json).toEqual({ acked_seq: 2 })
  const upload = `/api/v1/runs/${run.json.id}/artifacts/diff.patch?agent_id=dev_1&epoch=1`
  expect((await call('PUT', upload, { text: '+ mended\n' })).json).toEqual({ name: 'diff.patch', content_type: 'text/plain', size: 9 })
  expect((await get(`/runs/${run.json.id}/diff`)).text).toBe('+ mended\n')
  expect((await get(`/runs/${run.json.id}/artifacts`)).json).toMatchObject([{ name: 'diff.patch', size: 9 }])
  expect((await get(`/runs/${run.json.id}/artifacts/diff.patch`)).text).toBe('+ mended\n')
  const log = (await get(`/runs/${run.json.id}/logs`)).json
  expect(log.map(({ data }: { data: object }) => data)).toEqual(events.map(event => ({ ...event, runId: run.json.id, agentId: 'dev_1' })))
  const firstPage = await get(`/runs/${run.json.id}/logs?limit=1`)
  const [, next] = /<(.*)>; rel="next"/.exec(firstPage.headers.link as string)!
  expect([...firstPage.json, ...(await get(next!)).json]).toEqual(log)
  expect((await get(`/runs/${run.json.id}/logs?tail=true&limit=1`)).json).toEqual(log.slice(-1))
  expect((await get('/worker/status')).json).toEqual({
    ...{ workers: 1, seen: 1, busy: 1, lanes: 0, running: true, check_interval: null },
    runs: { queued: 0, running: 1, paused: 0 },
  })
  expect((await get('/workers')).json).toMatchObject([{ agent_id: 'dev_1', current_run: run.json.id, labels: [] }])
  expect((await post('/worker/process')).status).toBe(409)
  expect((await post(`/runs/${run.json.id}/retry`)).status).toBe(409)
  expect((await post(`/runs/${run.json.id}/stop`, { reason: 'enough' })).json.wish_id).toMatch(/^wsh_/)
  expect((await post(`${task}/complete`, { ...holder, outcome: 'stopped', note: 'as was asked' })).json).toEqual({ result: 'reported' })
  expect((await post(`${task}/complete`, { ...holder, outcome: 'stopped' })).json).toEqual({ result: 'reported' })
  expect((await get(`/runs/${run.json.id}`)).json.status).toBe('STOPPED')
  const again = await post(`/runs/${run.json.id}/retry`)
  expect(again.json).toMatchObject({ status: 'QUEUED', task_id: run.json.task_id, retry_of: run.json.id })
  expect((await post(`${task}/cancel`)).json.status).toBe('cancelled')
  expect((await post(`${task}/requeue`)).json.status).toBe('created')

  const second = await post('/api/v1/tasks', {
    project_id,
    title: 'Another',
    role: 'backend_dev',
    labels: ['gpu'],
    depends_on: [run.json.task_id],
  })
  expect(second.json).toMatchObject({ labels: ['gpu'], depends_on: [run.json.task_id], blocked_by: [run.json.task_id] })
  expect((await get('/api/v1/tasks?state=pending')).json).toHaveLength(2)
  expect((await get('/api/v1/mentions?agent_id=dev_1')).json).toEqual([])
  await s.plane.tasks.note({ customer: null, name: 'ann' }, second.json.id, 'see @dev_1')
  const [mention] = (await get('/api/v1/mentions?agent_id=dev_1')).json
  expect(mention).toMatchObject({ from: 'ann', text: 'see @dev_1', task_id: second.json.id })
  expect((await post('/api/v1/mentions/read', { agent_id: 'dev_1', ids: [mention.id] })).status).toBe(204)
  expect((await get('/api/v1/mentions?agent_id=dev_1')).json).toEqual([])

  const all = (await get(`/runs/${run.json.id}/events`)).json
  expect(all.map(({ seq }: { seq: number }) => seq)).toEqual(all.map((_: unknown, i: number) => i + 1))
  expect((await get('/events?type=run_created')).json).toHaveLength(4)
  for (const path of [`/runs/${run.json.id}/events/stream`, '/events/stream?after=0']) {
    const stream = await openStream(`${s.url}${path}`)
    s.called.add(checkAnswer(s.document, 'GET', path, { status: stream.status, headers: stream.headers as never, text: '', json: null }))
    expect(stream.headers).toMatchObject({ 'x-accel-buffering': 'no', 'content-type': 'text/event-stream; charset=utf-8' })
    await waitFor('the events', () => stream.messages.length >= all.length)
    expect(stream.messages.slice(0, all.length).map(({ data }) => data)).toEqual(all)
    const isEvent = compilerOf(s.document)({ $ref: '#/components/schemas/Event' })
    for (const { id, data } of stream.messages) expect([isEvent(data), data.cursor]).toEqual([true, id])
    stream.leave()
  }
  const metrics = (await get('/metrics')).text
  expect(metrics).toContain('agent_runner_runs{status="STOPPED"} 2')
  expect(metrics).toMatch(/agent_runner_http_request_seconds_count\{method="POST",route="\/runs",status="201"\} 1/)

  const documented = Object.values(s.document.paths)
    .flatMap(Object.values)
    .map(({ operationId }) => operationId)
  // Only the owner of a server that is not open has links.
  const closed = await station({ controlPlane: s.plane, openToThisMachine: false })
  const link = await closed.post('/login-links', undefined, { key: closed.owner!.key })
  await closed.post('/sessions', { code: link.json.url.split('#login=')[1] })
  for (const name of closed.called) s.called.add(name)

  expect([...s.called].sort()).toEqual([...documented].sort())
  expect(s.faults).toEqual([])
})

test('the document has every route, each with an id of its own, a summary and a known tag, and no other', async () => {
  const routes: string[] = []
  const api = await bareApi({ allowedHosts: [], corsOrigins: [], open: true, rateLimit: 1, onFault: () => {}, callerOf: async () => null })
  api.addHook('onRoute', ({ method, url }) => void routes.push(`${method} ${url.replace(/:(\w+)/g, '{$1}')}`))
  addRoutes(api, {} as ApiContext)
  await api.close()
  const { document } = await station()
  const documented = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map(method => `${method.toUpperCase()} ${path}`),
  )
  expect(documented.sort()).toEqual(routes.sort())
  const operations = Object.values(document.paths).flatMap(Object.values)
  expect(new Set(operations.map(({ operationId }) => operationId)).size).toBe(operations.length)
  for (const operation of operations) expect(operation).toMatchObject({ summary: expect.any(String), tags: [expect.any(String)] })
})

test('every schema of the document is sound, and its examples fit it', async () => {
  const { document } = await station()
  const compile = compilerOf(document)
  for (const [name, schema] of Object.entries(document.components.schemas)) {
    const valid = compile({ $ref: `#/components/schemas/${name}` })
    for (const example of (schema as { examples?: unknown[] }).examples ?? [])
      expect(valid(example), `${name}: ${JSON.stringify(valid.errors)}`).toBe(true)
  }
  const links = [...JSON.stringify(document).matchAll(/"#\/components\/schemas\/(\w+)"/g)].map(match => match[1]!)
  expect(links.length).toBeGreaterThan(50)
  for (const link of links) expect(document.components.schemas).toHaveProperty(link)
})
