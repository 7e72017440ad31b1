import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, onTestFinished, test } from 'vitest'
import * as z from 'zod'
import { openControlPlane } from '../../../src/board/control-plane.ts'
import type { Refusal } from '../../../src/server/door/problem.ts'
import { parsed } from '../../../src/server/door/validation.ts'
import { postgresServer } from '../../support/postgres.ts'
import { ask } from '../ask.ts'
import { type Station, station } from '../station.ts'

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

/** How the library speaks that checks what comes in. */
const ZOD = /Invalid (?:input|option|string|number|value|key|discriminator|ISO)|Too (?:big|small)|Unrecognized key|, received |[<>]=?\d/

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
      const [status, said] = first as [number, string]
      expect(status).toBeLessThan(500)
      expect(said).not.toMatch(ZOD)
    }),
    { numRuns: 400 },
  )
  expect([...lite.faults, ...post.faults]).toEqual([])
})

test('whatever stands in a field, what is wanted there is said in our own words', async () => {
  const values = [
    null,
    1e308,
    -1,
    1.5,
    '',
    ' ',
    'x'.repeat(4_001),
    '\0',
    [],
    [1],
    Array(1_001).fill('x'),
    {},
    { x: 1 },
    true,
    { 'x\0': {} },
  ]
  const folder = join(import.meta.dirname, '../../../src/contract')
  const names = readdirSync(folder).filter(name => name.endsWith('.ts'))
  const files: Record<string, unknown>[] = await Promise.all(names.map(name => import(join(folder, name))))
  const schemas = files.flatMap(file => Object.values(file).filter((one): one is z.ZodType => one instanceof z.ZodType))
  const wrong = (schema: z.ZodType, value: unknown): { path: string; message: string }[] => {
    try {
      parsed(schema, value, 'body')
      return []
    } catch (error) {
      return (error as Refusal).errors ?? []
    }
  }
  const messages = new Set<string>()
  for (const schema of schemas) {
    const fields = Object.keys((z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }).properties ?? {}) as object)
    for (const value of values) {
      for (const { message } of wrong(schema, value)) messages.add(message)
      for (const field of fields)
        for (const deeper of [value, [value], { [field]: value }, [{ goal: value, seq: value, type: value }]])
          for (const { message } of wrong(schema, { [field]: deeper })) messages.add(message)
    }
  }
  expect(messages.size).toBeGreaterThan(30)
  expect([...messages].filter(message => ZOD.test(message) || !/^[a-z]/.test(message))).toEqual([])
})

test.each(['local_path', 'branch', 'model'])('a NUL or half a character in %s is refused, and not kept as another sign', async field => {
  const at = await station()
  const shop = { name: 'shop', local_path: '/srv/shop' }
  await at.post('/projects', shop)
  for (const bad of ['/srv/a\0b', '/srv/a\ud800']) {
    const answer =
      field === 'local_path'
        ? await at.post('/projects', { name: 'other', local_path: bad })
        : await at.post('/runs', { goal: 'x', [field]: bad })
    expect(answer.status).toBe(422)
    expect(JSON.stringify(answer.json)).toContain(field)
  }
})

test('a mark of the byte order before a body is passed over', async () => {
  const at = await station()
  const body = `\ufeff${JSON.stringify({ name: 'shop', local_path: '/srv/shop' })}`
  expect((await ask(`${at.url}/projects`, { method: 'POST', headers: { 'content-type': 'application/json' }, body })).status).toBe(201)
})

test('what is refused is said in few words, whatever was sent, and not in those of a parser', async () => {
  const at = await station()
  const long = 'x'.repeat(10_000)
  const bodies = ['{', `{"a": ${long}}`, '{"a":1,}', '[1 2]', '\ufeff', `"${long}`]
  const answers = [
    ...(await Promise.all(
      bodies.map(body => ask(`${at.url}/runs`, { method: 'POST', headers: { 'content-type': 'application/json' }, body })),
    )),
    ...(await Promise.all(
      [`/runs/${long}`, `/${long}`, `/runs?${long}=1`, `/runs?${'k=1&'.repeat(2_000)}`].map(path => ask(at.url + path)),
    )),
    await ask(`${at.url}/runs`, { headers: { host: long } }),
    await ask(`${at.url}/runs`, { headers: { origin: `http://${long}` } }),
  ]
  for (const { status, text } of answers) {
    expect(status).toBeGreaterThanOrEqual(400)
    expect(status).toBeLessThan(500)
    expect(text.length).toBeLessThan(1_200)
    expect(text).not.toMatch(/Unexpected|JSON at position|is not valid JSON/)
  }
})

test('a body with a number that would be kept as another one is refused in plain words, and nothing is made', async () => {
  const s = await station()
  const project_id = await s.project()
  const send = (number: string) =>
    s.call('POST', '/runs', {
      text: `{"project_id":"${project_id}","goal":"Mend it","metadata":{"a":${number}}}`,
      headers: { 'content-type': 'application/json' },
    })
  for (const number of ['1e400', '-1e400', '12345678901234567890']) {
    const { status, json } = await send(number)
    expect([number, status]).toEqual([number, 400])
    expect(json.detail).toBe('the body is not taken: it has a number that cannot be kept exactly; write it as a text, in quotation marks')
  }
  expect((await s.get('/runs')).json).toEqual([])
  expect((await send('12345678901234567000')).json.metadata).toEqual({ a: 12345678901234567000 })
})
