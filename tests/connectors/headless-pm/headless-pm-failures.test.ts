import { createServer } from 'node:net'
import { inspect } from 'node:util'
import { describe, expect, onTestFinished, test } from 'vitest'
import { openHeadlessPm } from '../../../src/connectors/headless-pm/headless-pm.ts'
import type { Fault } from '../../support/headless-pm-server.ts'
import { HANGS_MS } from '../../support/patience.ts'
import { agent, claimed, KEY, never, once, opened, rejection, report, runId } from './headless-pm-fixture.ts'

const html = (status: number): Fault => ({ status, body: '<html>Sign in</html>', headers: { 'content-type': 'text/html' } })
const json = (status: number, detail: unknown, headers = {}): Fault => ({ status, body: JSON.stringify({ detail }), headers })

function open(url: string, key: string | null = KEY, requestTimeoutMs = HANGS_MS) {
  const tracker = openHeadlessPm({ url, key, requestTimeoutMs })
  onTestFinished(() => tracker.close())
  return tracker
}

describe('what goes wrong on the way is said by code and kind', () => {
  test.each<[string, Fault, string, string]>([
    ['a broken connection', 'reset_before', 'TRACKER_UNREACHABLE', 'retry'],
    ['an HTML page with 200', html(200), 'TRACKER_CONFUSED', 'retry'],
    ['an HTML page with 404', html(404), 'TRACKER_CONFUSED', 'retry'],
    ['an HTML page with 502', html(502), 'TRACKER_UNREACHABLE', 'retry'],
    ['half a JSON document', 'cut_after', 'TRACKER_CONFUSED', 'retry'],
    ['an empty body', { status: 200, body: '' }, 'TRACKER_CONFUSED', 'retry'],
    ['JSON of another kind', { status: 200, body: '{"hello":1}' }, 'TRACKER_CONFUSED', 'retry'],
    ['a redirect', { status: 302, body: '{}', headers: { location: '/login' } }, 'TRACKER_CONFUSED', 'retry'],
    ['500', json(500, 'database is locked'), 'TRACKER_UNREACHABLE', 'retry'],
    ['503', json(503, 'starting'), 'TRACKER_UNREACHABLE', 'retry'],
    ['429', json(429, 'slow down'), 'TRACKER_UNREACHABLE', 'retry'],
    ['408', json(408, 'too slow'), 'TRACKER_UNREACHABLE', 'retry'],
    ['425', json(425, 'too early'), 'TRACKER_UNREACHABLE', 'retry'],
    ['401', json(401, 'Invalid API key'), 'TRACKER_UNAUTHORISED', 'refused'],
    ['403', json(403, 'not you'), 'TRACKER_UNAUTHORISED', 'refused'],
    ['401 as HTML', html(401), 'TRACKER_UNAUTHORISED', 'refused'],
    ['422', json(422, [{ loc: ['query', 'role'], msg: 'Input should be qa', type: 'enum' }]), 'TRACKER_REFUSED', 'refused'],
  ])('%s', async (_name, fault, code, kind) => {
    const { tracker, pm } = await opened()
    pm.onRequest = () => fault
    expect(await rejection(tracker.look(agent, 0, never()))).toMatchObject({ code, kind })
    expect(await rejection(tracker.ping(never()))).toMatchObject({ code, kind })
    pm.onRequest = () => 'pass'
    expect((await tracker.look(agent, 0, never()))?.title).toBe('one')
  })

  test.each([404, 405])('%i for a path that every PM has: somebody else answers at the address', async status => {
    const { tracker, pm } = await opened()
    pm.onRequest = () => json(status, 'no such route')
    const stranger = { code: 'TRACKER_CONFUSED', kind: 'retry', message: expect.stringContaining('is no Headless PM server') }
    expect(await rejection(tracker.ping(never()))).toMatchObject(stranger)
    expect(await rejection(tracker.register(agent, never()))).toMatchObject(stranger)
    expect(await rejection(tracker.look(agent, 0, never()))).toMatchObject({ code: 'TRACKER_REFUSED', kind: 'refused' })
  })

  test.each<[string, Record<string, string>, number | undefined]>([
    ['seconds', { 'retry-after': '7' }, 7_000],
    [
      'a date, by the clock of the server',
      { date: 'Wed, 21 Oct 2015 07:28:00 GMT', 'retry-after': 'Wed, 21 Oct 2015 07:28:30 GMT' },
      30_000,
    ],
    ['a date in the past', { date: 'Wed, 21 Oct 2015 07:28:00 GMT', 'retry-after': 'Wed, 21 Oct 2015 07:00:00 GMT' }, 0],
    ['more than an hour', { 'retry-after': '999999' }, 3_600_000],
    ['nonsense', { 'retry-after': 'soon' }, undefined],
    ['nothing', {}, undefined],
  ])('Retry-After as %s', async (_name, headers, retryAfterMs) => {
    const { tracker, pm } = await opened()
    for (const status of [429, 503]) {
      pm.onRequest = () => json(status, 'later', headers)
      expect((await rejection(tracker.ping(never()))).retryAfterMs).toBe(retryAfterMs)
    }
  })

  test('the words of the server are passed on in one line', async () => {
    const { tracker } = await opened()
    const error = await rejection(tracker.register({ id: 'x', role: 'fullstack_dev', level: 'senior' }, never()))
    expect(error.code).toBe('TRACKER_REFUSED')
    expect(error.message).toMatch(/^the PM server refused \(422\): role: Input should be 'frontend_dev'.* or 'pm'$/)
  })

  test('a server that does not answer in time is unreachable, not waited for', async () => {
    const { pm } = await opened()
    pm.onRequest = () => ({ delayMs: 3_600_000 })
    const error = await rejection(open(pm.url, KEY, 200).ping(never()))
    expect(error).toMatchObject({ code: 'TRACKER_UNREACHABLE', kind: 'retry' })
    expect(error.message).toContain('no answer within 0.2 s')
  })

  test('a server that takes the connection and says nothing is given up as well', async () => {
    const sockets = new Set<{ destroy(): void }>()
    const silent = createServer(socket => sockets.add(socket)).listen(0, '127.0.0.1')
    onTestFinished(() => {
      for (const socket of sockets) socket.destroy()
      silent.close()
    })
    await new Promise(listening => silent.once('listening', listening))
    const { port } = silent.address() as { port: number }
    expect(await rejection(open(`http://127.0.0.1:${port}`, KEY, 200).ping(never()))).toMatchObject({ code: 'TRACKER_UNREACHABLE' })
  })

  test('nobody at the address is unreachable, and the message says where', async () => {
    const { pm } = await opened()
    await pm.close()
    const error = await rejection(open(pm.url).ping(never()))
    expect(error).toMatchObject({ code: 'TRACKER_UNREACHABLE', kind: 'retry', exitCode: 69 })
    expect(error.message).toBe(`cannot reach the PM server at ${pm.url}: nothing listens there`)
  })

  test('the signal ends any request at once', async () => {
    const { tracker, pm } = await opened()
    pm.onRequest = () => ({ delayMs: 3_600_000 })
    const stop = new AbortController()
    const asking = rejection(tracker.ping(stop.signal))
    stop.abort()
    expect(await asking).toMatchObject({ code: 'ABORTED' })
  })

  test.each(['not a url', 'ftp://host', ''])('the address %o is refused before anything is sent', async url => {
    expect(() => openHeadlessPm({ url, key: null, requestTimeoutMs: 1 })).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }))
  })

  test.each(['', '/', '/api/v1', '/api/v1/'])('the address may end in %o', async end => {
    const { pm } = await opened()
    const tracker = open(pm.url + end)
    await tracker.ping(never())
    expect(tracker.url).toBe(pm.url)
  })
})

describe('secrets', () => {
  test('the key is in no error, not even when the server repeats it', async () => {
    const { tracker, pm } = await opened()
    for (const status of [400, 401, 422, 500]) {
      pm.onRequest = () => json(status, `you sent ${KEY}`)
      expect(inspect(await rejection(tracker.ping(never())), { depth: 9, showHidden: true })).not.toContain(KEY)
    }
  })

  test('a wrong key and a missing key are told apart', async () => {
    const { pm } = await opened()
    expect((await rejection(open(pm.url, 'wrong').ping(never()))).message).toContain('did not accept our key')
    expect((await rejection(open(pm.url, null).ping(never()))).message).toContain('none is set')
    expect(pm.requests.at(-1)?.headers).not.toHaveProperty('x-api-key')
  })

  test('a key that cannot be sent is refused without being shown', async () => {
    const { pm } = await opened()
    const error = await rejection(open(pm.url, 'two\nlines').ping(never()))
    expect(error.code).toBe('TRACKER_UNAUTHORISED')
    expect(inspect(error)).not.toContain('lines')
  })

  test('a name and password in the address are sent and never shown', async () => {
    const { pm } = await opened()
    const tracker = open(pm.url.replace('//', '//me:hush@'))
    await tracker.ping(never())
    expect(pm.requests.at(-1)?.headers.authorization).toBe(`Basic ${Buffer.from('me:hush').toString('base64')}`)
    expect(tracker.url).toBe(pm.url)
  })
})

describe('an effect whose answer was lost is there once', () => {
  const lost: [string, Fault][] = [
    ['dropped', 'drop_after'],
    ['cut in half', 'cut_after'],
    ['replaced by a 500', { status: 500, body: 'Internal Server Error', applied: true }],
    ['replaced by an HTML page', { status: 200, body: '<html></html>', applied: true }],
  ]
  const times = (text: string | null, part: string) => (text ?? '').split(part).length - 1

  test.each(lost)('a report whose answer was %s', async (_name, fault) => {
    const { tracker, fresh, task, row, pm } = await claimed()
    once(pm, 'PUT', '/status', fault)
    expect((await rejection(tracker.report(agent, task, report, never()))).kind).toBe('retry')
    expect(await fresh().report(agent, task, report, never())).toBe('reported')
    expect(row).toMatchObject({ status: 'dev_done', locked_by: null })
    expect(times(row.notes, runId)).toBe(1)
    expect(pm.requests.filter(request => request.method === 'PUT')).toHaveLength(1)
  })

  test.each(lost)('giving back and parking, when the answer was %s', async (_name, fault) => {
    for (const [ending, status] of [['giveBack', 'created'] as const, ['park', 'pending'] as const]) {
      const { tracker, task, row, pm } = await claimed()
      once(pm, 'PUT', '/status', fault)
      expect((await rejection(tracker[ending](agent, task, report, never()))).kind).toBe('retry')
      expect(await tracker[ending](agent, task, report, never())).toBe('reported')
      expect(row).toMatchObject({ status, locked_by: null })
      expect(times(row.notes, runId)).toBe(1)
    }
  })

  test('a report that never arrived is written by the next try', async () => {
    const { tracker, task, row, pm } = await claimed()
    once(pm, 'PUT', '/status', 'reset_before')
    expect((await rejection(tracker.report(agent, task, report, never()))).kind).toBe('retry')
    expect(row).toMatchObject({ status: 'under_work', notes: null })
    expect(await tracker.report(agent, task, report, never())).toBe('reported')
    expect(row).toMatchObject({ status: 'dev_done', locked_by: null })
  })

  test('marking a mention read', async () => {
    const { tracker, pm, ids, mention } = await opened()
    await mention('dev_1', 'hello', ids[0]!)
    const [unread] = await tracker.mentions(agent, never())
    once(pm, 'PUT', '/read', 'drop_after')
    expect((await rejection(tracker.markRead(agent, [unread!.id], never()))).kind).toBe('retry')
    await tracker.markRead(agent, [unread!.id], never())
    expect(await tracker.mentions(agent, never())).toEqual([])
  })
})
