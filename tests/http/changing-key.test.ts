import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { openTrackerHttp } from '../../src/http/http-client.ts'

/** A server that takes one key alone, and a client whose key is asked for at each call. */
async function stage(keys: (string | null)[]) {
  const asked: (string | undefined)[] = []
  const server = createServer(({ headers }, answer) => {
    asked.push(headers['x-api-key'] as string | undefined)
    answer.writeHead(headers['x-api-key'] === 'new' ? 200 : 401, { 'content-type': 'application/json' }).end('{"detail":"new it is"}')
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const key = () => (keys.length > 1 ? keys.shift()! : keys[0]!)
  const http = openTrackerHttp({ url, key, requestTimeoutMs: 60_000, server: 'the server', prefix: '' })
  onTestFinished(() => {
    http.close()
    server.closeAllConnections()
    server.close()
  })
  return { asked, call: () => http.call({ method: 'GET', path: '/', signal: new AbortController().signal }) }
}

test('a key that changed while it was on its way is replaced by the one of now', async () => {
  const { asked, call } = await stage(['old', 'new'])
  expect((await call()).status).toBe(200)
  expect(asked).toEqual(['old', 'new'])
})

test('one that is still the same is refused, once, and is in no message', async () => {
  const { asked, call } = await stage(['old'])
  await expect(call()).rejects.toMatchObject({ code: 'TRACKER_UNAUTHORISED', message: expect.not.stringContaining('old') })
  expect(asked).toEqual(['old'])
})
