import { describe, expect, test } from 'vitest'
import { LINK_MS, Owner, SESSION_MS } from '../../../src/server/door/owner.ts'
import { waitFor } from '../../support/wait-for.ts'
import { ask } from '../ask.ts'
import { openStream } from '../sse-client.ts'
import { POLL, station } from '../station.ts'

const HOUR_MS = 3_600_000

describe('an owner', () => {
  test('is known by the key, and by a session that a link opened; all else is nobody', () => {
    const owner = new Owner()
    expect(owner.callerOf(owner.key)).toMatchObject({ kind: 'admin', customer: null })
    const code = owner.newLink()
    expect(owner.callerOf(code)).toBeNull()
    const session = owner.openSession(code)!
    expect(owner.callerOf(session)).toMatchObject({ kind: 'admin', customer: null })
    for (const text of ['', 'ar_owner_', `${owner.key}x`, owner.key.slice(0, -1), new Owner().key]) expect(owner.callerOf(text)).toBeNull()
  })

  test('gets one session of a link, and none of a link that is old or made up', () => {
    let now = 0
    const owner = new Owner(() => now)
    const [used, old] = [owner.newLink(), owner.newLink()]
    expect(owner.openSession(used)).not.toBeNull()
    now += LINK_MS - 1
    const fresh = owner.newLink()
    now += 1
    for (const code of [used, old, '', owner.key]) expect(owner.openSession(code)).toBeNull()
    expect(owner.openSession(fresh)).not.toBeNull()
  })

  test('is logged out when the session is over', () => {
    let now = 0
    const owner = new Owner(() => now)
    const session = owner.openSession(owner.newLink())!
    const { keyId } = owner.callerOf(session)!
    now += SESSION_MS - 1
    expect([owner.callerOf(session) !== null, owner.isGood(keyId!)]).toEqual([true, true])
    now += 1
    expect([owner.callerOf(session), owner.isGood(keyId!)]).toEqual([null, false])
    now += HOUR_MS
    expect(owner.callerOf(owner.key)).not.toBeNull()
  })
})

describe('a server on loopback', () => {
  const closed = () => station({ openToThisMachine: false })
  const codeOf = (url: string) => url.split('#login=')[1]!

  test('asks everybody for a key, whatever is asked', async () => {
    const s = await closed()
    for (const [path, methods] of Object.entries(s.document.paths))
      for (const method of Object.keys(methods)) {
        const { status } = await ask(s.url + path.replace(/\{\w+\}/, 'x'), { method: method.toUpperCase() })
        const isOpen = /^\/(health|livez|readyz|openapi.json|docs|sessions)$/.test(path)
        expect([method, path, isOpen ? status !== 401 : status]).toEqual([method, path, isOpen ? true : 401])
      }
  })

  test('knows its owner by the key, who may do everything and is not slowed down', async () => {
    const s = await station({ openToThisMachine: false, rateLimit: 5 })
    const key = s.owner!.key
    const project = await s.project('shop', { key })
    const run = await s.run(project, 'Mend it', {}, { key })
    expect((await s.get(POLL, { key })).json.run.id).toBe(run.id)
    for (let n = 0; n < 10; n++) expect((await s.get('/runs', { key })).status).toBe(200)
  })

  test('opens a session for who has the link that it printed, once, and its key works like any other', async () => {
    const s = await closed()
    const { link } = s.owner!
    expect(link.startsWith(`${s.url}/docs#login=`)).toBe(true)
    const code = codeOf(link)
    const opened = await s.post('/sessions', { code })
    expect(opened.status).toBe(201)
    const { key } = opened.json
    expect((await s.get('/runs', { key })).status).toBe(200)
    expect((await s.post('/sessions', { code })).status).toBe(403)
    expect((await s.post('/sessions', { code: key })).status).toBe(403)
    // What is sent to no other port and along with no other page's request cannot be used by them.
    expect(opened.headers['set-cookie']).toBeUndefined()
    const stream = await openStream(`${s.url}/events/stream`, { authorization: `Bearer ${key}` })
    await s.project('shop', { key })
    await waitFor('the stream is open', () => stream.status === 200)
    stream.leave()
  })

  test('makes further links for its owner alone', async () => {
    const s = await closed()
    const made = await s.post('/login-links', undefined, { key: s.owner!.key })
    expect(made.status).toBe(201)
    const { json } = await s.post('/sessions', { code: codeOf(made.json.url) })
    expect((await s.post('/login-links', undefined, { key: json.key })).status).toBe(201)
    expect((await s.post('/login-links', undefined, { key: await s.key('admin', null) })).status).toBe(403)
    expect((await s.post('/login-links')).status).toBe(401)
  })

  test('keeps neither codes nor session keys, also not for repetitions', async () => {
    const s = await closed()
    const headers = { 'idempotency-key': 'again' }
    const made = await s.post('/login-links', undefined, { key: s.owner!.key, headers })
    const code = codeOf(made.json.url)
    const opened = await s.post('/sessions', { code }, { headers })
    expect([made.status, opened.status, (await s.post('/sessions', { code }, { headers })).status]).toEqual([201, 201, 403])
  })

  test('lets no page from elsewhere use a link, nor one under another name', async () => {
    const s = await closed()
    const code = codeOf(s.owner!.link)
    const pages: Record<string, string>[] = [
      { origin: 'https://evil.example' },
      { host: 'evil.example' },
      { 'sec-fetch-site': 'same-site' },
    ]
    for (const headers of pages) expect((await s.post('/sessions', { code }, { headers })).status).toBeGreaterThan(400)
    expect((await s.post('/sessions', { code })).status).toBe(201)
  })

  test('open to this machine asks nobody, and cannot be reached from elsewhere', async () => {
    const s = await station()
    expect(s.owner).toBeNull()
    expect((await s.get('/runs')).status).toBe(200)
    for (const elsewhere of [{ host: '0.0.0.0' }, { allowedHosts: ['runner.example'] }])
      await expect(station({ controlPlane: s.plane, ...elsewhere })).rejects.toMatchObject({ code: 'USAGE' })
  })
})
