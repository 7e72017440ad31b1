import { isIP } from 'node:net'
import { hostname } from 'node:os'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { Refusal } from './problem.ts'

export interface GuardOptions {
  /** Further names by which the server may be called, without port. */
  allowedHosts: readonly string[]
  /** Web origins (scheme, host and port) whose pages may use the API; none means that CORS is off. */
  corsOrigins: readonly string[]
}

/**
 * Keeps web pages of others out. A page that resolves its own name to our address (DNS rebinding) still sends its own name as `Host`;
 * so names are checked, while a number cannot be rebound. A page elsewhere that sends a request blindly is known by `Origin` and `Sec-Fetch-Site`.
 */
export function guard({ allowedHosts, corsOrigins }: GuardOptions) {
  const names = new Set(['localhost', hostname().toLowerCase(), ...allowedHosts.map(host => host.toLowerCase())])
  const origins = new Set(corsOrigins.map(origin => new URL(origin).origin))
  return async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply | undefined> => {
    const host = hostOf(request.headers.host)
    if (host === null || !(isIP(host) || names.has(host)))
      throw new Refusal(421, `this server is not called ${JSON.stringify(request.headers.host ?? '')}; --allowed-hosts can allow a name`)
    const { origin } = request.headers
    if (origin !== undefined && origin !== ownOrigin(request)) {
      if (!origins.has(origin)) throw new Refusal(403, `pages of ${JSON.stringify(origin)} may not use this server`)
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

const ownOrigin = (request: FastifyRequest) => `${request.protocol}://${request.headers.host}`

function allow(reply: FastifyReply, origin: string): void {
  reply.headers({
    'access-control-allow-origin': origin,
    vary: 'Origin',
    'access-control-allow-methods': 'GET, POST, PATCH, PUT, DELETE',
    'access-control-allow-headers': 'Authorization, X-API-Key, Content-Type, Idempotency-Key, If-None-Match, Last-Event-ID',
    'access-control-expose-headers': 'ETag, Link, Location, Retry-After',
    'access-control-max-age': '600',
  })
}

const LOOPBACK = /^(?:localhost|127\.\d{1,3}\.\d{1,3}\.\d{1,3}|::1)$/i

/** Whether an address to listen on can be reached from this machine alone. */
export const isLoopback = (host: string) => LOOPBACK.test(host.replace(/^\[(.*)\]$/, '$1'))
