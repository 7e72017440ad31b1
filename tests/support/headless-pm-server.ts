import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { HeadlessPmBoard, type PmOptions } from './headless-pm-board.ts'
import { type Answer, headlessPmAnswer } from './headless-pm-routes.ts'

/** A request as the server got it. */
export interface SeenRequest {
  method: string
  /** Without the query: `/api/v1/tasks/1/lock`. */
  path: string
  query: Record<string, string>
  headers: IncomingMessage['headers']
  body: unknown
}

/** What goes wrong with one request. */
export type Fault =
  | 'pass'
  /** The connection breaks before anything has happened. */
  | 'reset_before'
  /** It happens, and then the connection breaks instead of an answer. */
  | 'drop_after'
  /** It happens, and only the first half of the answer's body arrives. */
  | 'cut_after'
  /** This answer instead of the real one; with `applied` it has happened all the same. */
  | { status: number; body: string; headers?: Record<string, string>; applied?: boolean }
  /** It happens as it should, but only after that time. */
  | { delayMs: number }

export interface HeadlessPmServer {
  url: string
  board: HeadlessPmBoard
  /** Everything that was asked so far. */
  requests: SeenRequest[]
  /** Decides what goes wrong; replace it at any time. */
  onRequest: (request: SeenRequest) => Fault
  /** Requests that are being answered right now. */
  readonly open: number
  close(): Promise<void>
}

export interface HeadlessPmServerOptions extends Partial<PmOptions> {
  key?: string
  port?: number
  board?: HeadlessPmBoard
  /** Called after each request that may have changed something. */
  onChange?: (board: HeadlessPmBoard) => void
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = []
  for await (const part of request) parts.push(part as Buffer)
  return Buffer.concat(parts).toString()
}

function send(response: ServerResponse, { status, body, headers }: Answer) {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  response.writeHead(status, { 'content-type': 'application/json', ...headers, 'content-length': Buffer.byteLength(text) })
  response.end(text)
}

/** A real HTTP server on loopback that behaves as Headless PM does, traps included, and fails when told to. */
export async function startHeadlessPm(options: HeadlessPmServerOptions = {}): Promise<HeadlessPmServer> {
  const { key = 'development-key', port = 0, onChange, ...boardOptions } = options
  const board = options.board ?? new HeadlessPmBoard(boardOptions)
  const closing = new AbortController()
  let open = 0

  async function answer(request: IncomingMessage, response: ServerResponse) {
    const url = new URL(request.url ?? '/', 'http://loopback')
    const seen = {
      method: request.method ?? 'GET',
      path: url.pathname,
      query: Object.fromEntries(url.searchParams),
      headers: request.headers,
    }
    const text = await bodyOf(request)
    const body = text === '' ? undefined : JSON.parse(text)
    pm.requests.push({ ...seen, body })
    const fault = pm.onRequest({ ...seen, body })
    if (fault === 'reset_before') return void request.socket.destroy()
    if (typeof fault === 'object' && 'status' in fault && !fault.applied) return send(response, fault)
    if (typeof fault === 'object' && 'delayMs' in fault) await delay(fault.delayMs, undefined, { signal: closing.signal })
    const real = await headlessPmAnswer(board, key, { ...seen, body }, closing.signal)
    if (seen.method !== 'GET') onChange?.(board)
    if (fault === 'drop_after') return void request.socket.destroy()
    if (fault === 'cut_after') {
      const whole = JSON.stringify(real.body)
      return send(response, { status: real.status, body: whole.slice(0, whole.length / 2) })
    }
    send(response, typeof fault === 'object' && 'status' in fault ? fault : real)
  }

  const server = createServer((request, response) => {
    open += 1
    answer(request, response)
      .catch(thrown => {
        if (!closing.signal.aborted) send(response, { status: 500, body: { detail: String(thrown) } })
      })
      .finally(() => {
        open -= 1
      })
  })
  const pm: HeadlessPmServer = {
    url: '',
    board,
    requests: [],
    onRequest: () => 'pass',
    get open() {
      return open
    },
    async close() {
      closing.abort()
      server.closeAllConnections()
      await new Promise<void>(done => server.close(() => done()))
    },
  }
  await new Promise<void>((done, failed) => server.once('error', failed).listen(port, '127.0.0.1', done))
  pm.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return pm
}

const STATE = ['agents', 'epics', 'features', 'tasks', 'mentions', 'changelog', 'documents', 'lastId', 'clockOffsetMs'] as const

/** As a program: `node headless-pm-server.ts --port-file F [--state-file S] [--key K] [--port N] [--poll-ms N]`; TERM ends it. */
async function main() {
  const { values } = parseArgs({
    options: {
      'port-file': { type: 'string' },
      'state-file': { type: 'string' },
      key: { type: 'string', default: 'development-key' },
      port: { type: 'string', default: '0' },
      'poll-ms': { type: 'string', default: '200' },
    },
  })
  const [portFile, stateFile] = [values['port-file'], values['state-file']]
  const board = new HeadlessPmBoard({ pollMs: Number(values['poll-ms']) })
  if (stateFile && existsSync(stateFile)) Object.assign(board, JSON.parse(readFileSync(stateFile, 'utf8')))
  const replace = (file: string, text: string) => {
    writeFileSync(`${file}.new`, text)
    renameSync(`${file}.new`, file)
  }
  const onChange = () => {
    if (stateFile) replace(stateFile, JSON.stringify(Object.fromEntries(STATE.map(name => [name, board[name]])), null, 1))
  }
  const pm = await startHeadlessPm({ key: values.key, port: Number(values.port), board, onChange })
  for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => void pm.close())
  if (portFile) replace(portFile, new URL(pm.url).port)
  else console.log(pm.url)
}

if (import.meta.main) await main()
