import type { IncomingMessage } from 'node:http'
import { isIP } from 'node:net'
import { hostname } from 'node:os'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { cut } from '../../core/text/words.ts'
import { type Arrival, arrivals } from './arrival.ts'
import { Refusal } from './problem.ts'

export interface GuardOptions {
  /** Further names by which the server may be called, without port. */
  allowedHosts: readonly string[]
  /** Web origins (scheme, host and port) whose pages may use the API; none means that CORS is off. */
  corsOrigins: readonly string[]
  /** Where people reach the server, when that is not where it listens: `https://runner.example`. */
  publicUrl?: string
  /** Proxies that may say for whom they speak. */
  trustProxy?: readonly string[]
}

/**
 * Keeps web pages of other sites out. A page that resolves its own name to our address (DNS rebinding) still sends its own name as
 * `Host`, so names are checked; a number cannot be rebound. A page of another site that sends a request blindly is recognised by `Origin`
 * and `Sec-Fetch-Site`.
 */
export function guard({ allowedHosts, corsOrigins, publicUrl, trustProxy = [] }: GuardOptions) {
  const shown = publicUrl === undefined ? null : new URL(publicUrl)
  const further = [...allowedHosts, ...(shown ? [shown.hostname] : [])].map(host => host.toLowerCase())
  const names = new Set(['localhost', hostname().toLowerCase(), ...further])
  const arrivalOf = arrivals(trustProxy)
  const origins = new Set(corsOrigins.map(origin => new URL(origin).origin))
  return async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply | undefined> => {
    refuseAmbiguous(request.raw)
    request.arrival = arrivalOf(request.raw)
    // All of them: a page elsewhere that is sent here under its own name could add the headers of a proxy.
    for (const called of request.arrival.hosts) {
      const host = hostOf(called)
      if (host === null || !(isIP(host) || names.has(host)))
        throw new Refusal(421, `this server is not called ${JSON.stringify(cut(called ?? '', 200))}; --allowed-hosts can allow a name`)
    }
    const { origin } = request.headers
    if (origin !== undefined && origin !== shown?.origin && origin !== ownOrigin(request.arrival)) {
      if (!origins.has(origin)) throw new Refusal(403, `pages of ${JSON.stringify(cut(origin, 200))} may not use this server`)
      allow(reply, origin)
      if (request.method === 'OPTIONS') return reply.code(204).send()
      return
    }
    const site = request.headers['sec-fetch-site']
    // A link to the documentation may stand anywhere.
    if ((site === 'cross-site' || site === 'same-site') && !request.routeOptions.config?.page)
      throw new Refusal(403, 'pages from elsewhere may not use this server')
    return
  }
}

/** The name or number in a Host header, without its port; null when it is not one. */
function hostOf(header: string | undefined): string | null {
  const parts = /^(?:\[([0-9a-f:.]+)\]|([^\s:/@\\]+))(?::\d{1,5})?$/i.exec(header ?? '')
  return (parts?.[1] ?? parts?.[2] ?? null)?.toLowerCase() ?? null
}

const ownOrigin = ({ scheme, hosts }: Arrival) => `${scheme}://${hosts.at(-1)}`

/** Headers that may come only once: a proxy in between could use the first, and we another. */
const SINGLE = new Set(['host', 'authorization', 'x-api-key', 'content-length', 'origin'])

/** Why two programs in a row may understand a request differently. */
function refuseAmbiguous({ url = '', rawHeaders }: IncomingMessage): void {
  if (!url.startsWith('/')) throw new Refusal(400, 'the target must be a path: /… ')
  const seen = new Set<string>()
  for (let n = 0; n < rawHeaders.length; n += 2) {
    const name = rawHeaders[n]!.toLowerCase()
    if (!SINGLE.has(name)) continue
    if (seen.has(name)) throw new Refusal(400, `the header ${name} is there twice`)
    seen.add(name)
  }
}

function allow(reply: FastifyReply, origin: string): void {
  reply.headers({
    'access-control-allow-origin': origin,
    vary: 'Origin',
    'access-control-allow-methods': 'GET, POST, PATCH, PUT, DELETE',
    'access-control-allow-headers': 'Authorization, X-API-Key, Content-Type, Idempotency-Key, If-None-Match, Last-Event-ID',
    'access-control-expose-headers': 'ETag, Ignored-Fields, Link, Location, Retry-After',
    'access-control-max-age': '600',
  })
}

const LOOPBACK = /^(?:localhost|127\.\d{1,3}\.\d{1,3}\.\d{1,3}|::1)$/i

/** Whether an address to listen on can be reached from this machine alone. */
export const isLoopback = (host: string) => LOOPBACK.test(host.replace(/^\[(.*)\]$/, '$1'))
