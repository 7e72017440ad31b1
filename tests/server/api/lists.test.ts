import { expect, test } from 'vitest'
import { type Station, station } from '../station.ts'

/** All things of a list, page by page as `Link` leads. `between` happens between two pages. */
async function pages(s: Station, first: string, between: () => Promise<unknown> = async () => {}) {
  const found: { id: string; cursor: number }[][] = []
  for (let path: string | undefined = first; path; ) {
    const answer = await s.get(path)
    expect(answer.status).toBe(200)
    found.push(answer.json)
    path = /^<(.+)>; rel="next"$/.exec(String(answer.headers.link ?? ''))?.[1]
    if (path) await between()
  }
  return found
}

test('pages hold each thing once, newest first, whatever is added meanwhile', async () => {
  const s = await station()
  const project = await s.project()
  const made: string[] = []
  for (let i = 0; i < 23; i++) made.push((await s.run(project, `goal ${i}`)).id)
  for (const list of ['/runs?limit=5', `/runs?limit=5&project_id=${project}&status=QUEUED,RUNNING&text=goal`]) {
    const found = await pages(s, list, () => s.run(project, 'goal of a latecomer'))
    expect(found.map(page => page.length)).toEqual([5, 5, 5, 5, ...(found.length > 5 ? [5] : []), found.at(-1)!.length])
    const ids = found.flat().map(({ id }) => id)
    expect(new Set(ids).size).toBe(ids.length)
    expect(ids.filter(id => made.includes(id))).toEqual([...made].reverse())
  }
  const tasks = (await pages(s, '/api/v1/tasks?limit=7')).flat().map(({ id }) => id)
  expect(new Set(tasks).size).toBe(tasks.length)
  expect((await pages(s, '/projects?limit=1')).flat()).toHaveLength(1)
})

test('events are paged from the oldest on, and nothing is missing', async () => {
  const s = await station()
  const project = await s.project()
  const run = await s.run(project)
  for (let i = 0; i < 6; i++) await s.post(`/runs/${run.id}/${i % 2 === 0 ? 'pause' : 'resume'}`)
  const found = await pages(s, `/runs/${run.id}/events?limit=3`)
  expect(found.flat().map(({ cursor }) => cursor)).toEqual(
    (await s.get(`/runs/${run.id}/events`)).json.map((event: { cursor: number }) => event.cursor),
  )
  expect(found.flat()).toHaveLength(7)
  const after = found.flat()[4]!.cursor
  expect((await s.get(`/events?after=${after}`)).json.map(({ type }: { type: string }) => type)).toEqual(['RUN_PAUSED', 'RUN_RESUMED'])
})

test('a cursor that was made up, a limit that is none, and an unknown status are refused with the place', async () => {
  const s = await station()
  for (const [query, place] of [
    ['cursor=%00', 'cursor'],
    ['limit=0', 'limit'],
    ['limit=many', 'limit'],
    ['limit=501', 'limit'],
    ['status=DONE', 'status.0'],
    ['project_id=7', 'project_id'],
  ]) {
    const { status, json } = await s.get(`/runs?${query}`)
    expect([query, status, json.errors.map(({ in: where, path }: { in: string; path: string }) => `${where} ${path}`)]).toEqual([
      query,
      422,
      [`query ${place}`],
    ])
  }
})

test('a run keeps its ETag while nothing happens, and gets another one when something does', async () => {
  const s = await station()
  const run = await s.run(await s.project())
  const { headers } = await s.get(`/runs/${run.id}`)
  const has = { headers: { 'if-none-match': headers.etag! } }
  expect(await s.get(`/runs/${run.id}`, has)).toMatchObject({ status: 304, text: '' })
  await s.post(`/runs/${run.id}/pause`)
  expect((await s.get(`/runs/${run.id}`, has)).json.status).toBe('PAUSED')
})
