import type { Pool } from 'undici'
import type * as z from 'zod'
import { RunnerError } from '../core/errors.ts'
import { readJson } from '../core/json.ts'
import { LIMITS, limitWords } from '../core/limits.ts'
import type { AnswerTimes } from '../core/ports/tracker.ts'
import { whatIsWanted } from '../core/text/wanted.ts'
import { AnswerClock } from './answer-times.ts'

/** An answer of the server whose body is JSON; null for one without a body (204). */
export interface TrackerReply {
  status: number
  body: unknown
}

export interface TrackerRequest {
  method: 'GET' | 'POST' | 'PUT'
  /** Below the prefix. */
  path: string
  query?: Record<string, string>
  /** JSON, or plain text. */
  body?: Record<string, unknown> | string
  /** Statuses that the caller takes as answers and not as failures. */
  accept?: number[]
  /** Milliseconds for the whole exchange; left out: the configured ones. */
  timeoutMs?: number
  /** The request is held open until something happens, so its time says nothing about the server. */
  waits?: boolean
  signal: AbortSignal
}

export interface TrackerHttp {
  /** Where the server is, without anything secret. */
  readonly url: string
  /** One exchange. Throws ABORTED, TRACKER_UNREACHABLE, TRACKER_UNAUTHORISED, TRACKER_CONFUSED or TRACKER_REFUSED; never retries. */
  call(request: TrackerRequest): Promise<TrackerReply>
  /** How the server has answered since the last call. */
  answerTimes(): AnswerTimes
  /** The error that says in the server's words why it refused. */
  refusal(reply: TrackerReply): RunnerError
  close(): void
}

export interface TrackerHttpOptions {
  url: string
  /** A function is called for each exchange, for a key that changes. */
  key: string | null | (() => string | null)
  /** Milliseconds for one exchange that does not say otherwise. */
  requestTimeoutMs: number
  /** What the server is called in messages: `the PM server`. */
  server: string
  /** What stands before every path. */
  prefix: string
  /** What to do about a server that does not answer, and one that does not accept us; left out: as the table of errors says. */
  advice?: { unreachable: string; unauthorised: string }
  /** Refusals that have a meaning of their own. */
  failure?(reply: TrackerReply): RunnerError | undefined
}

const HOUR_MS = 3_600_000

/** What the failures of a connection mean; others are named by their code. */
const CONNECTION_FAILURES: Record<string, string> = {
  ECONNREFUSED: 'nothing listens there',
  ENOTFOUND: 'the host name is unknown',
  EAI_AGAIN: 'the host name could not be looked up',
  ECONNRESET: 'the connection broke',
  UND_ERR_SOCKET: 'the connection broke',
  UND_ERR_CONNECT_TIMEOUT: 'the connection could not be made in time',
}

/** The HTTP side of a tracker: one base URL, one key, every failure a RunnerError. The key is in no error. */
export function openTrackerHttp(options: TrackerHttpOptions): TrackerHttp {
  const { requestTimeoutMs, server, prefix, advice } = options
  const { url, origin, base, authorization } = place(options.url, server, prefix)
  const headers = (key: string | null): Record<string, string> => ({
    ...{ accept: 'application/json', ...authorization },
    ...(key !== null && { 'x-api-key': key }),
  })
  const answers = new AnswerClock()
  let pool: Promise<Pool> | undefined

  // Loaded at the first request: many commands never make one.
  const connected = () => {
    pool ??= import('undici').then(({ Pool }) => new Pool(origin, { headersTimeout: 0, bodyTimeout: 0 }))
    return pool
  }
  let lastKey: string | null = null
  const keyNow = () => {
    lastKey = typeof options.key === 'function' ? options.key() : options.key
    return lastKey
  }
  const withoutKey = (text: string) => (lastKey ? text.replaceAll(lastKey, '***') : text)

  /**
   * One exchange, and another one with the present key when the key has changed meanwhile: the server has just started again and refused
   * the old key.
   */
  async function exchangeWithKey(request: TrackerRequest) {
    const key = keyNow()
    const answer = await exchange(request, key)
    if (answer.status !== 401) return answer
    const fresh = keyNow()
    return fresh === key ? answer : exchange(request, fresh)
  }

  async function exchange(request: TrackerRequest, key: string | null) {
    if (key !== null && /[^\x20-\x7e]/.test(key))
      throw new RunnerError('TRACKER_UNAUTHORISED', 'the API key has characters in it that cannot be sent; was it copied whole?')

    const { signal, timeoutMs = requestTimeoutMs } = request
    const stop = new AbortController()
    const abort = () => stop.abort()
    const timer = setTimeout(abort, timeoutMs)
    signal.addEventListener('abort', abort)
    try {
      const client = await connected()
      if (signal.aborted) abort()
      const query = new URLSearchParams(request.query).toString()
      const answer = await client.request({
        path: `${base}${request.path}${query && `?${query}`}`,
        method: request.method,
        headers: { ...headers(key), ...contentType(request.body) },
        body: typeof request.body === 'object' ? JSON.stringify(request.body) : (request.body ?? null),
        signal: stop.signal,
      })
      return { status: answer.statusCode, headers: answer.headers, text: await textOf(answer.body) }
    } catch (thrown) {
      if (signal.aborted) throw new RunnerError('ABORTED', 'stopped')
      if (thrown instanceof TooLarge)
        throw new RunnerError('TRACKER_CONFUSED', `the answer of ${url} is larger than ${limitWords('answer')}; nothing of it was used`)
      const code = String((thrown as NodeJS.ErrnoException).code ?? (thrown as Error).name)
      const why = stop.signal.aborted ? `no answer within ${timeoutMs / 1000} s` : (CONNECTION_FAILURES[code] ?? code)
      throw new RunnerError('TRACKER_UNREACHABLE', `cannot reach ${server} at ${url}: ${why}`, { advice: advice?.unreachable })
    } finally {
      clearTimeout(timer)
      signal.removeEventListener('abort', abort)
    }
  }

  function refusal({ status, body }: TrackerReply): RunnerError {
    return new RunnerError('TRACKER_REFUSED', `${server} refused (${status}): ${withoutKey(explanation(body))}`)
  }

  return {
    url,
    refusal,
    answerTimes: () => answers.take(),
    call: request => (request.waits ? call(request) : answers.time(() => call(request))),
    close() {
      pool?.then(client => client.destroy()).catch(() => {})
    },
  }

  async function call(request: TrackerRequest): Promise<TrackerReply> {
    const { status, headers, text } = await exchangeWithKey(request)
    const body = status === 204 ? null : parsed(text)
    const ok = status >= 200 && status < 300
    if (body !== undefined && (ok || request.accept?.includes(status))) return { status, body }
    const meant = options.failure?.({ status, body })
    if (meant) throw meant
    if (status === 401 || status === 403) {
      const what = lastKey === null ? 'wants a key and none is set' : 'did not accept our key'
      throw new RunnerError('TRACKER_UNAUTHORISED', `${server} ${what} (${status}): ${withoutKey(explanation(body))}`, {
        advice: advice?.unauthorised,
      })
    }
    const retryAfterMs = asked(headers['retry-after'], headers.date)
    const said = withoutKey(explanation(body))
    if (status >= 500 || [408, 425, 429].includes(status))
      throw new RunnerError('TRACKER_UNREACHABLE', `${server} at ${url} cannot answer now (${status}): ${said}`, {
        retryAfterMs,
        advice: advice?.unreachable,
      })
    if (body === undefined || status < 400)
      throw new RunnerError('TRACKER_CONFUSED', `the answer of ${url} (${status}) is not the JSON of ${server}`, { retryAfterMs })
    throw refusal({ status, body })
  }
}

class TooLarge extends Error {}

/** A body as text. Throws TooLarge at the limit, and reads no further: the connection is closed. */
async function textOf(body: AsyncIterable<Buffer>): Promise<string> {
  const pieces: Buffer[] = []
  let bytes = 0
  for await (const piece of body) {
    bytes += piece.length
    if (bytes > LIMITS.answer.most) throw new TooLarge()
    pieces.push(piece)
  }
  return Buffer.concat(pieces).toString('utf8')
}

/** Takes the configured URL apart. A name and password in it go into a header and are never shown. */
function place(text: string, server: string, prefix: string) {
  const parsedUrl = URL.parse(text)
  if (!parsedUrl || !/^https?:$/.test(parsedUrl.protocol))
    throw new RunnerError('CONFIG_INVALID', `the URL of ${server} must begin with http:// or https://`)
  const path = parsedUrl.pathname.replace(/(?<!\/)\/+$/, '').replace(/\/api\/v1$/, '')
  const login = `${decodeURIComponent(parsedUrl.username)}:${decodeURIComponent(parsedUrl.password)}`
  const authorization: Record<string, string> = login === ':' ? {} : { authorization: `Basic ${Buffer.from(login).toString('base64')}` }
  return { url: parsedUrl.origin + path, origin: parsedUrl.origin, base: path + prefix, authorization }
}

/** The JSON in a body; undefined when it is none, for example a proxy's HTML page or half an answer. */
function parsed(text: string): unknown {
  try {
    return readJson(text)
  } catch {
    return undefined
  }
}

/** The server's `detail` in one line: a text, or the list of fields that it did not like. */
function explanation(body: unknown): string {
  if (body === undefined) return 'no explanation'
  const detail = (body as { detail?: unknown } | null)?.detail ?? body
  const one = (entry: { loc?: unknown[]; msg?: string }) =>
    entry?.msg ? `${entry.loc?.slice(1).join('.')}: ${entry.msg}` : JSON.stringify(entry)
  const text = typeof detail === 'string' ? detail : Array.isArray(detail) ? detail.map(one).join('; ') : JSON.stringify(detail)
  return text.replaceAll(/\s+/g, ' ').slice(0, 500)
}

/** `Retry-After` in milliseconds: seconds, or a date that is read against the server's own clock. At most an hour. */
function asked(retryAfter: string | string[] | undefined, date: string | string[] | undefined): number | undefined {
  if (retryAfter === undefined) return undefined
  const text = String(retryAfter)
  const ms = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - (Date.parse(String(date)) || Date.now())
  return Number.isNaN(ms) ? undefined : Math.min(HOUR_MS, Math.max(0, ms))
}

function contentType(body: TrackerRequest['body']): Record<string, string> {
  if (body === undefined) return {}
  return { 'content-type': typeof body === 'string' ? 'text/plain' : 'application/json' }
}

/** The body as the schema reads it; TRACKER_CONFUSED names the first place that does not fit. */
export function understood<T>(server: string, schema: z.ZodType<T>, body: unknown): T {
  // Compiling a schema takes longer than reading everything that a tracker says in an hour.
  const result = schema.safeParse(body, { jitless: true, error: whatIsWanted })
  if (result.success) return result.data
  const issue = result.error.issues[0]
  const where = issue?.path.join('.') || 'the answer'
  throw new RunnerError('TRACKER_CONFUSED', `the answer of ${server} was not understood: ${where}: ${issue?.message}`)
}
