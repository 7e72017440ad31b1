import { createServer, type RequestListener } from 'node:http'
import { type AddressInfo, createServer as createTcpServer, type Server } from 'node:net'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { hookDocument } from '../support/hook-document.ts'
import { runShipped } from '../support/shipped-hook.ts'
import { tempFolder } from '../support/temp.ts'

const HOOK = join(import.meta.dirname, '../../hooks/health_check.ts')

const healthCheck = (tracker: { name: string; url: string }, env: Record<string, string> = {}) => {
  const folder = tempFolder()
  const document = hookDocument({ event: 'health_check', run_id: null, task: null, model: null, tracker, state_dir: folder })
  return runShipped([HOOK], document, folder, env)
}

/** A PM that answers like this, on loopback. */
const pm = (answer: RequestListener) => listening(createServer(answer))

async function listening(server: Server): Promise<{ name: string; url: string }> {
  const open = new Set<{ destroy(): void }>()
  server.on('connection', socket => open.add(socket))
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    for (const socket of open) socket.destroy()
    server.close()
  })
  return { name: 'headless-pm', url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
}

test('with the embedded board disk and memory are looked at', async () => {
  const { code, out } = await healthCheck({ name: 'embedded', url: '/board.db' })
  expect(out).toMatch(/^ok: \d+ MB free on the disk of .*\n/)
  expect(out).not.toContain('PM')
  expect(code).toBe(0)
})

test.runIf(process.platform === 'linux')('too little memory fails', async () => {
  const { code, out } = await healthCheck({ name: 'embedded', url: '' }, { AGENT_RUNNER_MIN_MEMORY_MB: '999999999' })
  expect(out).toMatch(/NOT ok: only \d+ MB of memory/)
  expect(code).toBe(1)
})

test('too little disk space fails', async () => {
  expect((await healthCheck({ name: 'embedded', url: '' }, { AGENT_RUNNER_MIN_FREE_MB: '999999999' })).code).toBe(1)
})

test('a PM that says healthy passes; it is asked at /health and without a key', async () => {
  const asked: unknown[] = []
  const tracker = await pm((request, response) => {
    asked.push([request.url, request.headers['x-api-key']])
    response.end('{"status":"healthy","database":"connected"}')
  })
  const { code, out } = await healthCheck(tracker)
  expect(out).toContain('ok: the PM answers')
  expect(code).toBe(0)
  expect(asked).toEqual([['/health', undefined]])
})

test('a PM below a path is asked there', async () => {
  const tracker = await pm((request, response) => {
    response.statusCode = request.url === '/team/pm/health' ? 200 : 404
    response.end('{"status":"healthy"}')
  })
  expect((await healthCheck({ ...tracker, url: `${tracker.url}/team/pm` })).code).toBe(0)
})

test('a PM that is degraded, broken, or something else altogether fails in plain words', async () => {
  const degraded = await healthCheck(await pm((_, response) => response.end('{"status":"degraded"}')))
  expect(degraded).toMatchObject({ code: 1, out: expect.stringContaining('answers 200, "degraded"') })
  const broken = await healthCheck(await pm((_, response) => response.writeHead(503).end('{"status":"healthy"}')))
  expect(broken).toMatchObject({ code: 1, out: expect.stringContaining('answers 503') })
  const proxy = await healthCheck(await pm((_, response) => response.end('<html>login</html>')))
  expect(proxy).toMatchObject({ code: 1, out: expect.stringContaining('not as a PM does') })
})

test('a PM that is not there fails at once, one that is silent after 5 s', async () => {
  const { url } = await listening(createTcpServer(socket => socket.on('error', () => {})))
  const gone = await healthCheck({ name: 'headless-pm', url: 'http://127.0.0.1:1' })
  expect(gone).toMatchObject({ code: 1, out: expect.stringContaining('ECONNREFUSED') })
  const silent = await healthCheck({ name: 'headless-pm', url })
  expect(silent).toMatchObject({ code: 1, out: expect.stringContaining('no answer in 5 s') })
})
