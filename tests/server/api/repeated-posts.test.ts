import { expect, onTestFinished, test } from 'vitest'
import { waitFor } from '../../support/wait-for.ts'
import { DEV, POLL, type Station, station } from '../station.ts'

interface Prepared {
  path: string
  json?: Record<string, unknown>
}

/** For each POST of the API, something that it has to do. */
const posts: Record<string, (s: Station) => Promise<Prepared>> = {
  createProject: async () => ({ path: '/projects', json: { name: 'made', local_path: '/srv/made' } }),
  createRun: async s => ({ path: '/runs', json: { project_id: await s.project(), goal: 'Mend it' } }),
  createTask: async s => ({ path: '/api/v1/tasks', json: { project_id: await s.project(), title: 'Mend it', role: 'qa' } }),
  pauseRun: async s => ({ path: `/runs/${(await held(s)).run_id}/pause` }),
  resumeRun: async s => {
    const run = await s.run(await s.project())
    await s.post(`/runs/${run.id}/pause`)
    return { path: `/runs/${run.id}/resume` }
  },
  stopRun: async s => ({ path: `/runs/${(await held(s)).run_id}/stop`, json: { reason: 'enough' } }),
  directRun: async s => ({ path: `/runs/${(await held(s)).run_id}/directive`, json: { text: 'Use tabs.' } }),
  retryRun: async s => {
    const run = await s.run(await s.project())
    await s.post(`/runs/${run.id}/stop`)
    return { path: `/runs/${run.id}/retry` }
  },
  cancelTask: async s => ({ path: `/api/v1/tasks/${(await s.run(await s.project())).task_id}/cancel` }),
  requeueTask: async s => {
    const { task_id } = await s.run(await s.project())
    await s.post(`/api/v1/tasks/${task_id}/cancel`)
    return { path: `/api/v1/tasks/${task_id}/requeue` }
  },
  claimTask: async s => {
    const run = await s.run(await s.project())
    return { path: `/api/v1/tasks/${run.task_id}/claim`, json: { ...DEV, run_id: run.id } }
  },
  heartbeat: async s => {
    const { task, ...holder } = await held(s)
    return { path: `${task}/heartbeat`, json: holder }
  },
  sendLogs: async s => {
    const { task, ...holder } = await held(s)
    return { path: `${task}/logs`, json: { ...holder, events: [{ seq: 1, at: new Date().toISOString(), type: 'agent_text', text: 'hm' }] } }
  },
  completeTask: async s => {
    const { task, ...holder } = await held(s)
    return { path: `${task}/complete`, json: { ...holder, outcome: 'given_back' } }
  },
  registerWorker: async () => ({ path: '/api/v1/workers', json: { ...DEV } }),
  processNow: async s => {
    await s.run(await s.project())
    return { path: '/worker/process' }
  },
  markMentionsRead: async s => {
    const { task_id } = await s.run(await s.project())
    await s.plane.tasks.note({ customer: null, name: 'ann' }, task_id, 'see @dev_1')
    const [mention] = (await s.get('/api/v1/mentions?agent_id=dev_1')).json
    return { path: '/api/v1/mentions/read', json: { agent_id: 'dev_1', ids: [mention.id] } }
  },
}

/** A run under work, by the words of its holder. */
async function held(s: Station) {
  await s.run(await s.project())
  const { task, run, lease } = (await s.get(POLL)).json
  return { task: `/api/v1/tasks/${task.id}`, agent_id: 'dev_1', run_id: run.id as string, epoch: lease.epoch as number }
}

/** One that differs in something that is read. */
function anotherRequest(path: string, json?: Record<string, unknown>): Prepared {
  if (!json) return { path: `${path}?other` }
  const word = ['name', 'goal', 'title', 'reason', 'text', 'agent_id'].find(key => key in json)!
  return { path, json: { ...json, [word]: `${json[word]}x` } }
}

/** All that a POST can change. */
async function seen(s: Station) {
  const paths = ['/projects', '/runs', '/api/v1/tasks', '/workers', '/events', '/api/v1/mentions?agent_id=dev_1']
  return Promise.all(paths.map(async path => (await s.get(path)).json))
}

const keyed = { headers: { 'idempotency-key': 'again' } }

/** A server whose one lane takes runs when it is asked to, and says how often it was. */
async function withLane() {
  const lane = { asked: 0, release: Promise.resolve() }
  const s = await station({
    lanes: {
      checkSeconds: 30,
      refusalOf: () => null,
      count: () => 1,
      async takeOne() {
        lane.asked++
        await lane.release
        const { json } = await s.get(POLL)
        return { runId: json?.run?.id ?? null }
      },
    },
  })
  return { s, lane }
}

test('any POST that takes a key can be repeated with it: one effect, the same answer, and another request is refused', async () => {
  const { s: any } = await withLane()
  const documented = Object.entries(any.document.paths).flatMap(([, { post }]) =>
    post?.parameters?.some(({ name }) => name === 'Idempotency-Key') ? post.operationId : [],
  )
  expect(Object.keys(posts).sort()).toEqual(documented.sort())
  for (const [name, prepare] of Object.entries(posts)) {
    const { s, lane } = await withLane()
    const { path, json } = await prepare(s)
    const first = await s.post(path, json, keyed)
    expect([name, first.status < 300, first.headers['idempotency-replayed']]).toEqual([name, true, undefined])
    const after = await seen(s)
    const again = await s.post(path, json, keyed)
    expect([name, again.status, again.text, again.headers.location]).toEqual([name, first.status, first.text, first.headers.location])
    expect([name, again.headers['idempotency-replayed']]).toEqual([name, 'true'])
    const more = await s.post(path, { ...json, unknown: 'fields are passed over' }, keyed)
    expect([name, more.status, more.text]).toEqual([name, first.status, first.text])
    const other = anotherRequest(path, json)
    expect([name, (await s.post(other.path, other.json, keyed)).status]).toEqual([name, 422])
    expect(await seen(s), name).toEqual(after)
    expect(lane.asked).toBe(name === 'processNow' ? 1 : 0)
    await s.close()
  }
})

test('of two at once that wait, the second gets the answer of the first', async () => {
  const { s, lane } = await withLane()
  const project = await s.project()
  for (const goal of ['one', 'two']) await s.run(project, goal)
  const gate = Promise.withResolvers<void>()
  onTestFinished(() => gate.resolve())
  lane.release = gate.promise
  const both = Promise.all([s.post('/worker/process', undefined, keyed), s.post('/worker/process', undefined, keyed)])
  await waitFor('the lane asked', () => lane.asked > 0)
  gate.resolve()
  const [one, other] = await both
  expect([one!.status, one!.json]).toEqual([other!.status, other!.json])
  expect(lane.asked).toBe(1)
})

test('who went away while waiting, and asks again with the key, hears what came meanwhile', async () => {
  const s = await station()
  const { task, ...holder } = await held(s)
  const leaving = new AbortController()
  const url = `${s.url}${task}/heartbeat`
  const body = JSON.stringify({ ...holder, wait: 20 })
  const headers = { 'content-type': 'application/json', ...keyed.headers }
  const before = (await s.get(`/runs/${holder.run_id}`)).json.lease_until
  const first = fetch(url, { method: 'POST', headers, body, signal: leaving.signal }).catch(() => 'gone')
  await waitFor('the first at the server', async () => (await s.get(`/runs/${holder.run_id}`)).json.lease_until !== before)
  leaving.abort()
  expect(await first).toBe('gone')
  const { wish_id } = (await s.post(`/runs/${holder.run_id}/pause`)).json
  const again = await s.post(`${task}/heartbeat`, { ...holder, wait: 20 }, keyed)
  expect(again.json.wishes).toMatchObject([{ id: wish_id, kind: 'pause' }])
})
