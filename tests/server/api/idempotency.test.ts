import { expect, test } from 'vitest'
import { station } from '../station.ts'

const keyed = (key: string) => ({ headers: { 'idempotency-key': key } })

test('the same request with the same key is done once and answered alike', async () => {
  const s = await station()
  const project = await s.project()
  const draft = { project_id: project, goal: 'Mend it' }
  const first = await s.post('/runs', draft, keyed('one'))
  const second = await s.post('/runs', draft, keyed('one'))
  expect(second).toMatchObject({ status: 201, json: first.json })
  expect([first.headers['idempotency-replayed'], second.headers['idempotency-replayed']]).toEqual([undefined, 'true'])
  expect(second.headers.location).toBe(first.headers.location)
  expect((await s.post('/runs', draft, keyed('two'))).json.id).not.toBe(first.json.id)
  expect((await s.get('/runs')).json).toHaveLength(2)
})

test('of twenty at once with one key one is done, and all get its answer', async () => {
  const s = await station()
  const project = await s.project()
  const answers = await Promise.all(
    Array.from({ length: 20 }, () => s.post('/runs', { project_id: project, goal: 'Mend it' }, keyed('race'))),
  )
  expect(new Set(answers.map(({ status, json }) => `${status} ${json.id}`)).size).toBe(1)
  expect((await s.get('/runs')).json).toHaveLength(1)
})

test('a key that was used for another request is refused', async () => {
  const s = await station()
  const project = await s.project()
  const { json: run } = await s.post('/runs', { project_id: project, goal: 'Mend it' }, keyed('one'))
  expect((await s.post('/runs', { project_id: project, goal: 'Mend another' }, keyed('one'))).status).toBe(422)
  expect((await s.post(`/runs/${run.id}/pause`, undefined, keyed('one'))).status).toBe(422)
  expect((await s.post('/runs', { project_id: project, goal: 'x' }, keyed('y'.repeat(201)))).status).toBe(422)
})

test('a request that failed may be tried again with its key', async () => {
  const s = await station()
  const project = await s.project()
  const run = await s.run(project)
  expect((await s.post(`/runs/${run.id}/resume`, undefined, keyed('go on'))).status).toBe(409)
  await s.post(`/runs/${run.id}/pause`)
  expect((await s.post(`/runs/${run.id}/resume`, undefined, keyed('go on'))).json.run.status).toBe('QUEUED')
  await s.post(`/runs/${run.id}/pause`)
  expect((await s.post(`/runs/${run.id}/resume`, undefined, keyed('go on'))).headers['idempotency-replayed']).toBe('true')
  expect((await s.get(`/runs/${run.id}`)).json.status).toBe('PAUSED')
})

test('two who use the same word as a key do not meet', async () => {
  const s = await station()
  const [ann, bob] = [await s.key('admin'), await s.key('admin')]
  const project = await s.project('shop', { key: ann })
  const draft = { project_id: project, goal: 'Mend it' }
  const one = await s.post('/runs', draft, { ...keyed('mine'), key: ann })
  const other = await s.post('/runs', draft, { ...keyed('mine'), key: bob })
  expect([one.status, other.status, one.json.id === other.json.id]).toEqual([201, 201, false])
})
