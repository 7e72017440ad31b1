import type { FastifyReply, FastifyRequest } from 'fastify'
import { Refusal } from './problem.ts'

/** What a key may do: everything of its customer · what a runner does · only look. */
export type KeyKind = 'admin' | 'worker' | 'read'

/** What a route asks of its caller. `read` takes any key. */
export type Need = 'open' | KeyKind

/** Who asks. */
export interface Caller {
  kind: KeyKind
  /** Whose projects it sees; null for all. */
  customer: string | null
  /** Null for a caller without a key, where the server is open to this machine. */
  keyId: string | null
  /** For histories. */
  name: string
}

/** Nobody in particular, who sees everything. */
export const ALL = { customer: null, name: 'control-plane' }

const LOCAL: Caller = { kind: 'admin', customer: null, keyId: null, name: 'user' }

const ALLOWED: Record<Exclude<Need, 'open'>, readonly KeyKind[]> = {
  read: ['admin', 'worker', 'read'],
  worker: ['admin', 'worker'],
  admin: ['admin'],
}

interface AuthOptions {
  /** Looks a key up, in constant time with regard to its secret; null when it is not known or was revoked. */
  callerOf(key: string): Promise<Caller | null>
  /** Whether a caller without a key is trusted: only on loopback addresses, and only where the owner said so. */
  open: boolean
}

/** Finds out who asks, and refuses nobody: the route decides what may be asked without a key. */
export function identify({ callerOf, open }: AuthOptions) {
  return async (request: FastifyRequest): Promise<void> => {
    if (request.routeOptions.config.plain) return
    const key = keyOf(request)
    if (key === null) request.caller = open ? LOCAL : null
    else request.caller = key.length > MOST ? null : await callerOf(key)
  }
}

const MOST = 200

/** The key that a request brings, by either header; null without one. */
function keyOf({ headers }: FastifyRequest): string | null {
  const bearer = /^bearer +(\S+) *$/i.exec(headers.authorization ?? '')?.[1]
  if (bearer !== undefined) return bearer
  if (headers.authorization !== undefined) return ''
  const key = headers['x-api-key']
  return typeof key === 'string' ? key.trim() : null
}

/** Refuses callers that may not use the route: 401 without a good key, 403 with a key of a kind that is not enough. */
export async function authorise(request: FastifyRequest, _reply: FastifyReply): Promise<void> {
  const needs = request.routeOptions.config.needs
  if (needs === 'open' || request.is404) return
  // A route that names no need is for nobody: to forget it must not open the route.
  if (needs === undefined) throw new Refusal(403, 'this is not open to anybody')
  const { caller } = request
  if (!caller) {
    const brought = keyOf(request) !== null
    const detail = brought ? 'the key is not known, or it was revoked' : 'a key is needed: `Authorization: Bearer KEY` or `X-API-Key: KEY`'
    throw new Refusal(401, detail, { headers: { 'www-authenticate': 'Bearer realm="agent-runner"' } })
  }
  if (!ALLOWED[needs].includes(caller.kind))
    throw new Refusal(403, `a key of the kind ${caller.kind} may not do this; it takes one of the kind ${ALLOWED[needs].join(' or ')}`)
}

/** The caller of a route that is not open. */
export function callerOf(request: FastifyRequest): Caller {
  if (!request.caller) throw new Refusal(401, 'a key is needed')
  return request.caller
}
