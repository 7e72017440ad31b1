import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { openTrackerHttp } from '../../src/http/http-client.ts'

const MIB = 1024 * 1024
const TOLD = 1_200 * MIB

/** A server whose answers have 1.2 GB, or as many brackets within each other as are asked for; and how much of it was taken. */
async function largeServer() {
  let sent = 0
  const piece = Buffer.alloc(MIB, 'x')
  const pour = (response: ServerResponse): void => {
    while (sent < TOLD && !response.destroyed) {
      sent += piece.length
      if (!response.write(piece)) return void response.once('drain', () => pour(response))
    }
    response.end('"')
  }
  const server = createServer((request, response) => {
    response.setHeader('content-type', 'application/json')
    if (request.url === '/deep') return void response.end(`${'['.repeat(1_000_000)}${']'.repeat(1_000_000)}`)
    response.write('"')
    pour(response)
  })
  server.listen(0, '127.0.0.1')
  await new Promise(resolve => server.once('listening', resolve))
  const { port } = server.address() as AddressInfo
  const http = openTrackerHttp({
    url: `http://127.0.0.1:${port}`,
    key: null,
    requestTimeoutMs: 120_000,
    server: 'the PM server',
    prefix: '',
  })
  onTestFinished(() => {
    http.close()
    server.closeAllConnections()
    server.close()
  })
  return { http, sent: () => sent }
}

const call = (http: Awaited<ReturnType<typeof largeServer>>['http'], path: string) =>
  http.call({ method: 'GET', path, signal: new AbortController().signal })

test('of an answer of 1.2 GB no more is taken than an answer may have, and the error says so', async () => {
  const { http, sent } = await largeServer()
  await expect(call(http, '/large')).rejects.toMatchObject({
    ...{ code: 'TRACKER_CONFUSED', message: expect.stringContaining('is larger than 16 MiB; nothing of it was used') },
  })
  // What was under way between the two comes on top.
  expect(sent()).toBeLessThan(64 * MIB)
})

test('an answer with a million lists within each other is none', async () => {
  const { http } = await largeServer()
  await expect(call(http, '/deep')).rejects.toMatchObject({ code: 'TRACKER_CONFUSED' })
})
