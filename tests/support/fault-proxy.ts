import { createServer, request as forward, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'

/** What the way between client and server does to one request. */
export type ProxyFault =
  | 'forward'
  /** The connection breaks before the server has heard of it. */
  | 'reset_before'
  /** The server does it, and the connection breaks instead of an answer. */
  | 'drop_after'
  /** The server gets it twice, one after the other, as from a proxy that tries again; the client gets the second answer. */
  | 'duplicate'
  /** The server does it; only half of the answer arrives and then the connection breaks. */
  | 'cut_after'
  /** The server does it; half of the answer arrives as if that were all of it. */
  | 'halve_after'
  /** A login page with 200; the server has not heard of it. */
  | 'html'
  /** JSON of something else with 200; the server has not heard of it. */
  | 'other_json'
  /** The oldest answer to the same GET that went through here; another request, or the first of its kind, is forwarded. */
  | 'stale'
  /** The connection is taken and nothing ever comes back; the server has not heard of it. */
  | 'half_open'
  /** The server does it, and nothing ever comes back. */
  | 'silent_after'
  /** 429 that asks to wait; the server has not heard of it. */
  | { retryAfterSeconds: number }
  /** The server does it, and this status comes back. */
  | { statusAfter: number }
  /** It is forwarded that much later. */
  | { delayMs: number }

/** A request that went through, and when it came, in milliseconds of `performance.now()`. */
export interface ProxiedCall {
  method: string
  /** With the query. */
  path: string
  fault: ProxyFault
  at: number
  /** The length of the server's answer; null while there is none. */
  bytes: number | null
}

export interface FaultProxy {
  url: string
  calls: ProxiedCall[]
  /** Decides what happens to a request, by its place among all of them (from 1); replace it at any time. */
  plan: (n: number, call: { method: string; path: string }) => ProxyFault
  close(): Promise<void>
}

interface Answer {
  status: number
  headers: IncomingHttpHeaders
  body: Buffer
}

const HTML = { status: 200, headers: { 'content-type': 'text/html' }, body: Buffer.from('<html><title>Sign in</title></html>') }
const OTHER = { status: 200, headers: { 'content-type': 'application/json' }, body: Buffer.from('{"hello":"world"}') }
const SLOW_DOWN = { status: 429, headers: { 'content-type': 'application/json' }, body: Buffer.from('{"detail":"slow down"}') }

async function bodyOf(stream: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = []
  for await (const part of stream) parts.push(part as Buffer)
  return Buffer.concat(parts)
}

/** An HTTP proxy on loopback before the server at `upstream` that fails as it is told, request by request. */
export async function startFaultProxy(upstream: string): Promise<FaultProxy> {
  const server = createServer((incoming, response) => void handle(incoming, response).catch(() => incoming.socket.destroy()))
  const oldest = new Map<string, Answer>()
  const ended = new AbortController()

  function ask(incoming: IncomingMessage, body: Buffer): Promise<Answer> {
    const { host: _, connection: __, ...headers } = incoming.headers
    return new Promise((resolve, reject) => {
      const options = { method: incoming.method, headers, agent: false as const, signal: ended.signal }
      const outgoing = forward(new URL(incoming.url ?? '/', upstream), options, async answer => {
        resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: await bodyOf(answer) })
      })
      outgoing.once('error', reject)
      outgoing.end(body)
    })
  }

  function send(response: ServerResponse, { status, headers, body }: Answer) {
    const { 'content-length': _, 'transfer-encoding': __, connection: ___, ...rest } = headers
    response.writeHead(status, { ...rest, 'content-length': body.length })
    response.end(body)
  }

  async function handle(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const asked = { method: incoming.method ?? 'GET', path: incoming.url ?? '/' }
    const fault = proxy.plan(proxy.calls.length + 1, asked)
    const call: ProxiedCall = { ...asked, fault, at: performance.now(), bytes: null }
    proxy.calls.push(call)
    const body = await bodyOf(incoming)
    if (fault === 'reset_before') return void incoming.socket.resetAndDestroy()
    if (fault === 'half_open') return
    if (fault === 'html') return send(response, HTML)
    if (fault === 'other_json') return send(response, OTHER)
    if (typeof fault === 'object' && 'retryAfterSeconds' in fault)
      return send(response, { ...SLOW_DOWN, headers: { ...SLOW_DOWN.headers, 'retry-after': String(fault.retryAfterSeconds) } })
    const known = call.method === 'GET' ? oldest.get(call.path) : undefined
    if (fault === 'stale' && known) return send(response, known)
    if (typeof fault === 'object' && 'delayMs' in fault) await delay(fault.delayMs, undefined, { signal: ended.signal })
    if (fault === 'duplicate') await ask(incoming, body)
    const answer = await ask(incoming, body)
    call.bytes = answer.body.length
    if (call.method === 'GET' && !known) oldest.set(call.path, answer)
    if (fault === 'drop_after') return void incoming.socket.resetAndDestroy()
    if (fault === 'silent_after') return
    const half = answer.body.subarray(0, answer.body.length / 2)
    if (fault === 'halve_after') return send(response, { ...answer, body: half })
    if (fault === 'cut_after') {
      response.writeHead(answer.status, { 'content-type': 'application/json', 'content-length': answer.body.length })
      response.write(half, () => incoming.socket.destroy())
      return
    }
    if (typeof fault === 'object' && 'statusAfter' in fault)
      return send(response, { ...answer, status: fault.statusAfter, body: Buffer.from('{"detail":"it broke"}') })
    send(response, answer)
  }

  const proxy: FaultProxy = {
    url: '',
    calls: [],
    plan: () => 'forward',
    async close() {
      ended.abort()
      server.closeAllConnections()
      await new Promise<void>(done => server.close(() => done()))
    },
  }
  await new Promise<void>((done, failed) => server.once('error', failed).listen(0, '127.0.0.1', done))
  proxy.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return proxy
}
