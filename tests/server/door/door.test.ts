import { connect } from 'node:net'
import { hostname } from 'node:os'
import { describe, expect, onTestFinished, test } from 'vitest'
import { waitFor } from '../../support/wait-for.ts'
import { ask } from '../ask.ts'
import { bare } from '../bare.ts'

describe('who may ask', () => {
  const nobody = undefined
  const allowed: [string, string | undefined, number][] = [
    ...(['open', 'read', 'worker', 'admin'] as const).flatMap((route, needed) =>
      [nobody, 'key-read', 'key-worker', 'key-admin', 'key-unknown'].map((key, rank): [string, string | undefined, number] => {
        if (route === 'open') return [route, key, 200]
        if (key === nobody || key === 'key-unknown') return [route, key, 401]
        return [route, key, rank >= needed ? 200 : 403]
      }),
    ),
  ]
  test.for(allowed)('/%s with %s answers %i', async ([route, key, status]) => {
    const { url, done } = await bare({ open: false })
    const bearer = await ask(`${url}/${route}`, { headers: key ? { authorization: `Bearer ${key}` } : {} })
    const header = await ask(`${url}/${route}`, { headers: key ? { 'x-api-key': key } : {} })
    expect([bearer.status, header.status]).toEqual([status, status])
    expect(done).toHaveLength(status === 200 ? 2 : 0)
    if (status === 401) expect(bearer.headers['www-authenticate']).toContain('Bearer')
  })

  test('without a key who is on this machine may do everything, and a bad key is refused all the same', async () => {
    const { url } = await bare({ open: true })
    expect((await ask(`${url}/admin`)).json).toEqual({ needs: 'admin', who: 'user' })
    expect((await ask(`${url}/read`, { headers: { authorization: 'Bearer nonsense' } })).status).toBe(401)
    expect((await ask(`${url}/read`, { headers: { authorization: 'Basic dXNlcjpwdw==' } })).status).toBe(401)
  })

  test('a route that forgot to say who may use it is open to nobody', async () => {
    const { url } = await bare()
    expect((await ask(`${url}/forgotten`)).status).toBe(403)
  })
})

describe('pages from elsewhere', () => {
  test('a page that has our address under its own name (DNS rebinding) is refused, whatever it asks for', async () => {
    const { url, port, done } = await bare()
    for (const host of [
      'evil.example',
      `evil.example:${port}`,
      'localhost.evil.example',
      'a b',
      '127.0.0.1@evil',
      '127.0.0.1.evil.example',
    ])
      expect([host, (await ask(`${url}/admin`, { headers: { host } })).status]).toEqual([host, 421])
    expect(done).toEqual([])
    for (const host of [`localhost:${port}`, '127.0.0.1', `[::1]:${port}`, '192.168.1.7', hostname(), 'LOCALHOST'])
      expect([host, (await ask(`${url}/read`, { headers: { host } })).status]).toEqual([host, 200])
    const named = await bare({ allowedHosts: ['Runner.Example'] })
    expect((await ask(`${named.url}/read`, { headers: { host: 'runner.example:443' } })).status).toBe(200)
  })

  test('a request that another page sends blindly changes and claims nothing', async () => {
    const { url, port, done } = await bare()
    for (const origin of ['https://evil.example', `http://localhost:${port + 1}`, 'null', `https://127.0.0.1:${port}`])
      expect((await ask(`${url}/admin`, { headers: { origin } })).status).toBe(403)
    for (const site of ['cross-site', 'same-site'])
      expect((await ask(`${url}/admin`, { headers: { 'sec-fetch-site': site } })).status).toBe(403)
    expect(done).toEqual([])
    expect((await ask(`${url}/admin`, { headers: { origin: url, 'sec-fetch-site': 'same-origin' } })).status).toBe(200)
    expect((await ask(`${url}/page`, { headers: { 'sec-fetch-site': 'cross-site' } })).status).toBe(200)
  })

  test('an origin that was configured may, and is told so; others are not', async () => {
    const { url } = await bare({ corsOrigins: ['https://console.example'] })
    const origin = 'https://console.example'
    const preflight = await ask(`${url}/thing`, { method: 'OPTIONS', headers: { origin, 'access-control-request-method': 'POST' } })
    expect(preflight.status).toBe(204)
    expect(preflight.headers['access-control-allow-origin']).toBe(origin)
    expect(preflight.headers['access-control-allow-headers']).toContain('Authorization')
    const answer = await ask(`${url}/read`, { headers: { origin, 'sec-fetch-site': 'cross-site' } })
    expect([answer.status, answer.headers['access-control-allow-origin']]).toEqual([200, origin])
    const other = await ask(`${url}/read`, { headers: { origin: 'https://console.example.evil' } })
    expect([other.status, other.headers['access-control-allow-origin']]).toEqual([403, undefined])
  })
})

describe('problems', () => {
  test('every refusal is problem+json with plain words', async () => {
    const { url, faults } = await bare()
    const state = await ask(`${url}/state`)
    expect(state.status).toBe(409)
    expect(state.headers['content-type']).toMatch(/^application\/problem\+json/)
    expect(state.json).toMatchObject({ type: 'urn:agent-runner:problem:run-state', title: 'Run state', status: 409 })
    expect(state.json.detail).toContain('COMPLETED')
    const refused = await ask(`${url}/refused`)
    expect([refused.status, refused.headers['x-pot'], refused.json.detail]).toEqual([418, 'tea', 'short and stout'])
    expect((await ask(`${url}/nowhere`)).json).toMatchObject({ status: 404, detail: 'there is nothing at GET /nowhere' })
    expect(faults).toEqual([])
  })

  test('an address that is known takes its methods alone, and says which', async () => {
    const { url } = await bare()
    for (const method of ['PUT', 'DELETE', 'HEAD', 'OPTIONS']) {
      const answer = await ask(`${url}/thing?x=1`, { method })
      expect([method, answer.status, answer.headers.allow]).toEqual([method, 405, 'GET, POST'])
      expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/)
    }
    expect((await ask(`${url}/thing`, { method: 'PUT' })).json.detail).toBe('/thing takes GET, POST, and not PUT')
    expect((await ask(`${url}/thing/more`, { method: 'PUT' })).status).toBe(404)
  })

  test('what the framework itself refuses is said in the same way', async () => {
    const { url } = await bare()
    const bad = await ask(`${url}/%ZZ`)
    expect([bad.status, bad.headers['content-type'], bad.json.title]).toEqual([400, expect.stringContaining('problem+json'), 'Bad Request'])
    expect(bad.json.detail).toContain('cannot be decoded')
    const type = await ask(`${url}/thing`, { method: 'POST', body: '<a/>', headers: { 'content-type': 'application/xml' } })
    expect([type.status, type.json.detail]).toEqual([415, 'the body must be JSON: Content-Type: application/json'])
  })

  test('what is our own fault tells nothing of its inside, and is told to the operator', async () => {
    const { url, faults } = await bare()
    const { status, text } = await ask(`${url}/bug`)
    expect(status).toBe(500)
    expect(text).not.toMatch(/secret|root|stack|\.ts/)
    expect(String(faults[0])).toContain('secret inside')
  })

  test('each invalid place is named; unknown fields are passed over, and named by a header', async () => {
    const { url } = await bare()
    const post = (body: string, type = 'application/json') =>
      ask(`${url}/thing`, { method: 'POST', body, headers: { 'content-type': type } })
    const invalid = await post('{"name":"","size":1.5}')
    expect(invalid.status).toBe(422)
    expect(invalid.json.errors).toEqual([
      { in: 'body', path: 'name', message: 'must not be empty' },
      { in: 'body', path: 'size', message: expect.any(String) },
    ])
    const missing = await post('{}')
    expect(missing.json.detail).toBe('body name: is missing')
    expect((await ask(`${url}/thing`, { method: 'POST' })).status).toBe(422)
    expect((await post('{"name":')).status).toBe(400)
    expect((await post('name=x', 'application/x-www-form-urlencoded')).status).toBe(415)
    const made = await post('{"name":"one","colour":"blue"}')
    expect([made.status, made.json]).toEqual([201, { name: 'one', size: 3 }])
    expect(made.headers['ignored-fields']).toBe('colour')
    expect((await post('{"name":"one"}')).headers['ignored-fields']).toBeUndefined()
    expect((await post('{"nmae":"one"}')).headers['ignored-fields']).toBe('nmae')
    const odd = await post(JSON.stringify({ name: 'one', 'ä\r\nX-Mine: 1, x': 1, '\ud800': 1, ['x'.repeat(10_000)]: 1 }))
    expect([odd.status, odd.headers['ignored-fields']]).toEqual([201, `%C3%A4%0D%0AX-Mine:%201%2C%20x, %EF%BF%BD, ${'x'.repeat(100)}`])
    expect(odd.headers['x-mine']).toBeUndefined()
  })
})

test('a single thing has an ETag, and is not sent again to who has it', async () => {
  const { url } = await bare()
  const first = await ask(`${url}/thing`)
  const tag = first.headers.etag!
  for (const has of [tag, `W/${tag}`, `"other", ${tag}`, '*'])
    expect(await ask(`${url}/thing`, { headers: { 'if-none-match': has } })).toMatchObject({ status: 304, text: '' })
  expect((await ask(`${url}/thing`, { headers: { 'if-none-match': '"other"' } })).status).toBe(200)
  await ask(`${url}/thing`, { method: 'POST', body: '{"name":"x"}', headers: { 'content-type': 'application/json' } })
  expect((await ask(`${url}/thing`, { headers: { 'if-none-match': tag } })).status).toBe(200)
})

describe('limits', () => {
  test('a body, an address or a header that is too long is refused', async () => {
    const { url } = await bare()
    const headers = { 'content-type': 'application/json' }
    expect((await ask(`${url}/thing`, { method: 'POST', body: `{"name":"${'x'.repeat(5_000_000)}"}`, headers })).status).toBe(413)
    const long = await ask(`${url}/read?${'x'.repeat(20_000)}`)
    expect([long.status, long.headers['content-type']]).toEqual([431, expect.stringContaining('problem+json')])
    expect((await ask(`${url}/read`, { headers: { 'x-long': 'x'.repeat(20_000) } })).status).toBe(431)
  })

  test('what is no HTTP gets an answer and is cut off', async () => {
    const { port } = await bare()
    const socket = connect(port, '127.0.0.1')
    let text = ''
    socket.setEncoding('utf8').on('data', part => (text += part))
    socket.write('hello server\r\n\r\n')
    await new Promise(resolve => socket.once('close', resolve))
    expect(text).toMatch(/^HTTP\/1\.1 400 /)
    expect(text).toContain('"detail":"this is not HTTP"')
  })

  test('who guesses keys is slowed down by address, who has one by key, and this machine without a key is not counted', async () => {
    const { url } = await bare({ rateLimit: 5, open: true })
    const times = async (n: number, headers: Record<string, string>) => {
      const answers = []
      for (let i = 0; i < n; i++) answers.push(await ask(`${url}/read`, { headers }))
      return answers
    }
    const guesses = await times(7, { authorization: 'Bearer guess' })
    expect(guesses.map(({ status }) => status)).toEqual([401, 401, 401, 401, 401, 429, 429])
    expect(Number(guesses[6]!.headers['retry-after'])).toBeGreaterThan(0)
    expect(guesses[6]!.json).toMatchObject({ status: 429, detail: expect.stringContaining('too many requests') })
    expect((await times(7, { authorization: 'Bearer key-read' })).map(({ status }) => status)).toEqual([200, 200, 200, 200, 200, 429, 429])
    expect((await times(20, {})).every(({ status }) => status === 200)).toBe(true)
  })
})

test('who sends a request a byte at a time is cut off, and others are served meanwhile', async () => {
  const { url, port } = await bare({ headersMs: 300 })
  const slow = Array.from({ length: 20 }, () => connect(port, '127.0.0.1'))
  const closed = slow.map(
    socket =>
      new Promise<void>(resolve =>
        socket
          .on('error', () => {})
          .resume()
          .once('close', () => resolve()),
      ),
  )
  for (const socket of slow) socket.write('GET /read HTTP/1.1\r\nhost: localhost\r\nx-slow: ')
  const drip = setInterval(() => {
    for (const socket of slow) if (socket.writable) socket.write('x')
  }, 50)
  expect((await ask(`${url}/read`)).status).toBe(200)
  await Promise.all(closed)
  clearInterval(drip)
})

/** One exchange in raw bytes: what the server says until it closes the connection. */
async function raw(port: number, text: string): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  let heard = ''
  socket.setEncoding('utf8').on('data', part => (heard += part))
  socket.on('error', () => {}).write(text)
  await new Promise(resolve => socket.once('close', resolve))
  return heard
}

describe('what two programs in a row could understand differently is refused', () => {
  const cases: [string, string, RegExp][] = [
    ['two Hosts', 'GET /admin HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n', /^HTTP\/1\.1 400 /],
    ['two Hosts that are alike', 'GET /admin HTTP/1.1\r\nHost: localhost\r\nhost: localhost\r\n', /^HTTP\/1\.1 400 /],
    ['no Host', 'GET /admin HTTP/1.1\r\n', /^HTTP\/1\.1 400 /],
    ['no Host in HTTP/1.0', 'GET /admin HTTP/1.0\r\n', /^HTTP\/1\.1 421 /],
    ['an absolute target', 'GET http://localhost/admin HTTP/1.1\r\nHost: localhost\r\n', /^HTTP\/1\.1 400 /],
    ['an absolute target elsewhere', 'GET http://evil/admin HTTP/1.1\r\nHost: localhost\r\n', /^HTTP\/1\.1 400 /],
    ['OPTIONS *', 'OPTIONS * HTTP/1.1\r\nHost: localhost\r\n', /^HTTP\/1\.1 400 /],
    ['CONNECT', 'CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n', /^HTTP\/1\.1 405 /],
    [
      'a length and chunks',
      'POST /thing HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n',
      /^HTTP\/1\.1 400 /,
    ],
    ['two lengths', 'POST /thing HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\nContent-Length: 5\r\n', /^HTTP\/1\.1 400 /],
    ['two lengths in one', 'POST /thing HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4, 5\r\n', /^HTTP\/1\.1 400 /],
    ['a length with a sign', 'POST /thing HTTP/1.1\r\nHost: localhost\r\nContent-Length: +4\r\n', /^HTTP\/1\.1 400 /],
    ['unknown codings', 'POST /thing HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked, identity\r\n', /^HTTP\/1\.1 400 /],
    ['a blank before the colon', 'GET /admin HTTP/1.1\r\nHost : localhost\r\n', /^HTTP\/1\.1 400 /],
    ['a folded header', 'GET /admin HTTP/1.1\r\nHost: localhost\r\n evil\r\n', /^HTTP\/1\.1 4\d\d /],
    [
      'two keys',
      'GET /admin HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer a\r\nAuthorization: Bearer key-admin\r\n',
      /^HTTP\/1\.1 400 /,
    ],
    ['a Host with a name in it', 'GET /admin HTTP/1.1\r\nHost: localhost@evil.example\r\n', /^HTTP\/1\.1 421 /],
    ['a Host that is a number of another kind', 'GET /admin HTTP/1.1\r\nHost: 0x7f.1\r\n', /^HTTP\/1\.1 421 /],
  ]
  test.for(cases)('%s', async ([, text, status]) => {
    const { port, done } = await bare({ open: true })
    expect(await raw(port, `${text}Connection: close\r\n\r\n`)).toMatch(status)
    expect(done).toEqual([])
  })
})

describe('connections', () => {
  test('on which nothing comes, or comes too slowly, are closed, also when the other side never closes', async () => {
    const { port } = await bare({ headersMs: 300 })
    const mute = raw(port, '')
    const half = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
    half.on('error', () => {}).write('GET /read HTTP/1.1\r\nhost: localhost\r\nx-slow: ')
    let answer = ''
    half.setEncoding('utf8').on('data', part => (answer += part))
    const drip = setInterval(() => half.writable && half.write('x'), 50)
    await new Promise(resolve => half.once('close', resolve))
    clearInterval(drip)
    expect(answer).toMatch(/^HTTP\/1\.1 408 /)
    expect(await mute).toMatch(/^(HTTP\/1\.1 408 |$)/)
  })

  test('whose request was refused before its body was there are closed', async () => {
    const { port } = await bare({ open: false })
    const head = 'POST /thing HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 1000000\r\n\r\n{'
    expect(await raw(port, head)).toMatch(/^HTTP\/1\.1 401 /)
  })

  test('of strangers give way to later ones, and those of who has a key do not', async () => {
    const { port, url } = await bare({ open: false, mostUnknown: 3 })
    const known = connect(port, '127.0.0.1').on('error', () => {})
    known.write('GET /read HTTP/1.1\r\nHost: localhost\r\nX-API-Key: key-read\r\n\r\n')
    await new Promise(resolve => known.once('data', resolve))
    const strangers = [1, 2, 3].map(() => connect(port, '127.0.0.1').on('error', () => {}))
    const closed = strangers.map(socket => new Promise(resolve => socket.resume().once('close', () => resolve(true))))
    await Promise.all(strangers.map(socket => new Promise(resolve => socket.once('connect', resolve))))
    // Each later one takes the place of the oldest, once that is a second old.
    await waitFor('the first has given way', async () => {
      await ask(`${url}/read`, { headers: { 'x-api-key': 'key-read' } })
      const again = connect(port, '127.0.0.1').on('error', () => {})
      onTestFinished(() => void again.destroy())
      return Promise.race([closed[0], new Promise(resolve => setTimeout(resolve, 50, false))])
    })
    known.write('GET /read HTTP/1.1\r\nHost: localhost\r\nX-API-Key: key-read\r\n\r\n')
    expect(String(await new Promise(resolve => known.once('data', resolve)))).toMatch(/^HTTP\/1\.1 200 /)
    for (const socket of [known, ...strangers]) socket.destroy()
  })
})

describe('behind a proxy', () => {
  const publicUrl = 'https://runner.example'
  const viaProxy = (headers: Record<string, string>) => ({ headers: { host: 'runner.example', 'x-forwarded-proto': 'https', ...headers } })

  test('its own pages may use the server by its public address, and those of others may not', async () => {
    const { url } = await bare({ publicUrl, trustProxy: ['loopback'] })
    const statusOf = async (headers: Record<string, string>) => (await ask(`${url}/read`, viaProxy(headers))).status
    expect(await statusOf({ origin: publicUrl, 'sec-fetch-site': 'same-origin' })).toBe(200)
    // A proxy may call it by the address where it listens.
    expect(await statusOf({ host: '127.0.0.1', 'x-forwarded-host': 'runner.example', origin: publicUrl })).toBe(200)
    for (const origin of ['http://runner.example', 'https://evil.example', 'https://runner.example.evil', 'null'])
      expect([origin, await statusOf({ origin })]).toEqual([origin, 403])
    expect(await statusOf({ host: 'evil.example', 'x-forwarded-host': 'runner.example' })).toBe(421)
    expect(await statusOf({ 'x-forwarded-host': 'evil.example' })).toBe(421)
  })

  test('who guesses is slowed down by the own address, not by the one of the proxy, and cannot choose another', async () => {
    const { url } = await bare({ open: false, rateLimit: 3, publicUrl, trustProxy: ['loopback'] })
    const statusOf = async (headers: Record<string, string>) => (await ask(`${url}/read`, viaProxy(headers))).status
    const guess = (from: string) => statusOf({ 'x-forwarded-for': from })
    for (let n = 0; n < 3; n++) expect(await guess(`203.0.113.${n}, 198.51.100.7`)).toBe(401)
    expect(await guess('203.0.113.9, 198.51.100.7')).toBe(429)
    expect(await guess('198.51.100.7:4711')).toBe(429)
    expect(await guess('198.51.100.8')).toBe(401)
    expect(await statusOf({ forwarded: 'for=203.0.113.1;proto=https, for="198.51.100.7:80"' })).toBe(429)
    expect(await statusOf({ forwarded: 'for=198.51.100.9', 'x-forwarded-for': '198.51.100.10' })).toBe(400)
    // One household has all addresses of a /64.
    for (const last of ['1', '2:3', 'ffff']) expect(await guess(`2001:db8:0:1::${last}`)).toBe(401)
    expect(await guess('2001:db8::1:0:0:0:9')).toBe(429)
  })

  test('who is no trusted proxy speaks for himself alone', async () => {
    const { url } = await bare({ open: false, rateLimit: 3, publicUrl, trustProxy: ['10.0.0.0/8'] })
    const guess = async (headers: Record<string, string>) => (await ask(`${url}/read`, viaProxy(headers))).status
    expect([await guess({ 'x-forwarded-for': '1.1.1.1' }), await guess({ forwarded: 'for=2.2.2.2' }), await guess({})]).toEqual([
      401, 401, 401,
    ])
    expect(await guess({ 'x-forwarded-for': '3.3.3.3' })).toBe(429)
  })
})

test('that the process lives is told to everybody at any time, whatever key comes along', async () => {
  let asked = 0
  const { url } = await bare({
    rateLimit: 1,
    open: false,
    callerOf: async () => {
      asked++
      return null
    },
  })
  for (let n = 0; n < 5; n++) {
    const { status } = await ask(`${url}/plain`, { headers: { 'x-api-key': 'unknown' } })
    expect(status).toBe(200)
  }
  expect(asked).toBe(0)
})
