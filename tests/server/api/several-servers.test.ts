import { expect, onTestFinished, test } from 'vitest'
import { openControlPlane } from '../../../src/board/control-plane.ts'
import { postgresServer } from '../../support/postgres.ts'
import { waitFor } from '../../support/wait-for.ts'
import { openStream } from '../sse-client.ts'
import { station, waitingPoll } from '../station.ts'

const postgres = postgresServer()

/** Servers on one PostgreSQL database, each with connections of its own. */
async function servers(count: number) {
  const url = await postgres.database()
  return Promise.all(
    Array.from({ length: count }, async () => {
      const controlPlane = await openControlPlane(url)
      onTestFinished(() => controlPlane.close())
      return station({ controlPlane })
    }),
  )
}

test('what happens at one server reaches the subscribers of another', async () => {
  const [one, other] = await servers(2)
  const stream = await openStream(`${other!.url}/events/stream?after=0`)
  const project = await one!.project()
  const run = await one!.run(project)
  await other!.post(`/runs/${run.id}/pause`)
  await one!.post(`/runs/${run.id}/resume`)
  await waitFor('the events', () => stream.messages.length >= 3)
  expect(stream.messages.map(({ data }) => data.type)).toEqual(['RUN_CREATED', 'RUN_PAUSED', 'RUN_RESUMED'])
})

test('runners that wait at different servers share the work, each run once', async () => {
  const stations = await servers(3)
  const project = await stations[0]!.project()
  const polls = Array.from({ length: 12 }, (_, i) => stations[i % 3]!.get(waitingPoll(20).replace('dev_1', `dev_${i}`)))
  const runs = await Promise.all(polls.map((_, i) => stations[i % 3]!.run(project, `goal ${i}`)))
  const taken = (await Promise.all(polls)).map(({ json }) => json.run.id)
  expect(taken.sort()).toEqual(runs.map(({ id }) => id).sort())
})

test('of requests with one key at several servers one is done', async () => {
  const stations = await servers(3)
  const project = await stations[0]!.project()
  const headers = { 'idempotency-key': 'race' }
  const answers = await Promise.all(
    Array.from({ length: 12 }, (_, i) => stations[i % 3]!.post('/runs', { project_id: project, goal: 'Mend it' }, { headers })),
  )
  expect(new Set(answers.map(({ status, json }) => `${status} ${json.id}`)).size).toBe(1)
  expect((await stations[0]!.get('/runs')).json).toHaveLength(1)
})
