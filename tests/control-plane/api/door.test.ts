import { connect } from 'node:net'
import { hostname } from 'node:os'
import { describe, expect, test } from 'vitest'
import { ask } from './ask.ts'
import { bare } from './bare.ts'

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

  test('each invalid place is named; unknown fields are passed over', async () => {
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
