import fc from 'fast-check'
import { expect, onTestFinished, test } from 'vitest'
import { openControlPlane } from '../../../src/control-plane/control-plane.ts'
import { postgresServer } from '../../support/postgres.ts'
import { type Station, station } from './station.ts'

const postgres = postgresServer()

const bad = fc.constantFrom('a\0b', '\ud800', '\udc00x', '\uFFFE', '%', "'; --", '\u202E', '', ' ', 'é'.repeat(300), '../..', '\\u0000')
const text = fc.oneof(bad, fc.string({ unit: 'binary', maxLength: 40 }))
const number = fc.oneof(fc.constantFrom(0, -1, 1e308, -1e308, 2 ** 31, 2 ** 53 - 1, 2 ** 53, 1.5, 1e-320), fc.double({ noNaN: true }))
const value = fc.oneof(
  text,
  number,
  fc.jsonValue({ maxDepth: 2 }),
  fc.constant(null),
  fc.array(text, { maxLength: 3 }),
  fc.array(fc.record({ seq: number, type: text }), { maxLength: 2 }),
)
const NAMES = [
  'goal',
  'name',
  'title',
  'description',
  'metadata',
  'options',
  'priority',
  'max_cost_usd',
  'branch',
  'model',
  'labels',
  'role',
  'agent_id',
  'run_id',
  'epoch',
  'events',
  'logs',
  'note',
  'success',
]
const fields = fc.dictionary(fc.constantFrom(...NAMES), value, { maxKeys: 4 })
const WORDS = [
  'wait',
  'level',
  'machine',
  'after',
  'limit',
  'cursor',
  'text',
  'name',
  'local_path',
  'status',
  'role',
  'type',
  'agent_id',
  'project_id',
  'epoch',
]
const query = fc.dictionary(fc.constantFrom(...WORDS), fc.oneof(text, number.map(String)), { maxKeys: 3 })

interface Request {
  method: string
  query: Record<string, string>
  body: Record<string, unknown>
  path_id: string
  key: string | null
}
const request: fc.Arbitrary<Request> = fc.record({
  method: fc.constantFrom('GET', 'POST', 'PATCH', 'PUT', 'DELETE'),
  query,
  body: fields,
  path_id: text,
  key: fc.option(fc.oneof(text, fc.constantFrom('k', 'k'.repeat(300)))),
})

/** What a server says, but for what differs from one to the other: ids, times. */
async function asked(
  at: Station,
  project: string,
  paths: readonly string[],
  which: number,
  { method, query, body, path_id, key }: Request,
): Promise<unknown> {
  const form = paths[which % paths.length]!
  const path = form.replace(/\{\w+\}/g, encodeURIComponent(path_id.toWellFormed()) || 'x')
  const search = new URLSearchParams(Object.entries(query).map(([name, told]) => [name, told.toWellFormed()])).toString()
  const headers = {
    ...(method !== 'GET' && method !== 'DELETE' && { 'content-type': 'application/json' }),
    // A header is one line of bytes.
    ...(key !== null && { 'idempotency-key': key.replace(/[^\x20-\xff]/g, '?') }),
  }
  const answer = await fetch(`${at.url}${path}${search && `?${search}`}`, {
    method,
    headers,
    ...(method !== 'GET' && method !== 'DELETE' && { body: JSON.stringify({ goal: 'x', title: 'x', project_id: project, ...body }) }),
    signal: AbortSignal.timeout(60_000),
  })
  const said = await answer.text()
  return [answer.status, answer.status < 400 ? '' : said.replace(/(prj|run|tsk|wrk)_[0-9a-z]+/g, '$1')]
}

test('whatever is asked of any endpoint, both databases answer alike, and neither with a fault', async () => {
  const plane = await openControlPlane(await postgres.database())
  onTestFinished(() => plane.close())
  const [lite, post] = [await station(), await station({ controlPlane: plane })]
  const shop = { name: 'shop', local_path: '/srv/shop' }
  const projects: string[] = []
  for (const at of [lite, post]) projects.push(((await at.post('/projects', shop)).json as { id: string }).id)
  // Streams do not end.
  const paths = Object.keys(lite.document.paths).filter(
    path => !/stream|process|session|metrics|health|readyz|livez|openapi|docs/.test(path),
  )
  expect(paths.length).toBeGreaterThan(15)
  await fc.assert(
    fc.asyncProperty(fc.nat(), request, async (which, one) => {
      const [first, second] = await Promise.all([
        asked(lite, projects[0]!, paths, which, one),
        asked(post, projects[1]!, paths, which, one),
      ])
      expect(second).toEqual(first)
      expect((first as [number])[0]).toBeLessThan(500)
    }),
    { numRuns: 400 },
  )
  expect([...lite.faults, ...post.faults]).toEqual([])
})
