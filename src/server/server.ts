import type { AddressInfo } from 'node:net'
import type { ControlPlane } from '../board/control-plane.ts'
import type { Ages } from '../board/projects/retention.ts'
import { startUpkeep } from '../board/upkeep.ts'
import { RunnerError } from '../core/errors.ts'
import type { ApiContext, Lanes } from './api/context.ts'
import { eventRoutes } from './api/event-routes.ts'
import { holdingRoutes } from './api/holding-routes.ts'
import { operationRoutes } from './api/operation-routes.ts'
import { projectRoutes } from './api/project-routes.ts'
import { queueRoutes } from './api/queue-routes.ts'
import { runControlRoutes } from './api/run-control-routes.ts'
import { runRoutes } from './api/run-routes.ts'
import { sessionRoutes } from './api/session-routes.ts'
import { taskRoutes } from './api/task-routes.ts'
import { workerRoutes } from './api/worker-routes.ts'
import { bareApi, collectRoutes } from './door/app.ts'
import { ALL } from './door/auth.ts'
import { isLoopback } from './door/guard.ts'
import { linkTo, Owner } from './door/owner.ts'
import type { ApiServer } from './door/server-types.ts'
import { EventFeed, EventFeeds } from './stream/event-feed.ts'
import { eventSource } from './stream/event-source.ts'
import { streamRoutes } from './stream/stream.ts'

export interface ServerOptions {
  /** Stays its owner's: closing the server does not close it. */
  controlPlane: ControlPlane
  host: string
  /** 0 takes a free one. */
  port: number
  version: string
  /** Whether everybody on this machine may use it without a key; only on a loopback address without other names. */
  openToThisMachine?: boolean
  /** Web origins whose pages may use the API. */
  corsOrigins?: readonly string[]
  /** Further names by which the server is called. */
  allowedHosts?: readonly string[]
  /** Where people reach it, when that is not where it listens: behind a proxy with TLS, `https://runner.example`. */
  publicUrl?: string | null
  /** Proxies (addresses, networks, `loopback`) that may say for whom they speak. */
  trustProxy?: readonly string[]
  /** Requests per minute of one key or address. */
  rateLimit?: number
  /** How long timelines of ended runs are kept; left out: for ever. */
  keep?: Ages
  /** The runner lanes of this process, when it has some. */
  lanes?: Lanes | null
  /** Gets every failure that is our own fault. */
  onFault(error: unknown, where: string): void
}

/** A server that listens. */
export interface RunningServer {
  url: string
  /** What its owner comes in with; null where everybody on this machine may use it without a key. */
  owner: OwnersAccess | null
  /** Takes no more requests, lets go of all who wait, ends the streams, and resolves when the last answer is out. */
  close(): Promise<void>
}

/** Both are secret. */
export interface OwnersAccess {
  /** `127.0.0.1:8000`: the address that it listens on, for the owner's programs on this machine. */
  address: string
  /** Lives as long as the server. */
  key: string
  /** Opens a session in the browser, once, within ten minutes. */
  link: string
}

const RATE = 6_000

/**
 * Starts to serve the control plane. Throws USAGE when the address can be reached from elsewhere and there is no key yet, or when it cannot
 * be listened on.
 */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const { controlPlane: plane, onFault, host, port, allowedHosts = [], corsOrigins = [], trustProxy = [], rateLimit = RATE } = options
  const publicUrl = options.publicUrl ?? undefined
  // A configured name means a proxy, behind which everybody seems to be on this machine.
  const forOthers = !isLoopback(host) || allowedHosts.length > 0 || publicUrl !== undefined || trustProxy.length > 0
  const open = options.openToThisMachine === true
  if (open && forOthers)
    throw new RunnerError('USAGE', 'a server that others can reach cannot be open to this machine', { advice: OPEN_ADVICE })
  if (forOthers) await needKeys(plane, host)
  const owner = new Owner()
  const here = () => urlOf(host, (api.server.address() as AddressInfo).port)
  const url = () => publicUrl ?? here()
  const api = await bareApi({
    ...{ allowedHosts, corsOrigins, publicUrl, trustProxy, open, rateLimit, onFault },
    callerOf: async text => owner.callerOf(text) ?? callerOf(plane, text),
  })
  const closing = new AbortController()
  const feed = new EventFeeds(customer => new EventFeed(eventSource(plane, customer), error => onFault(error, 'the event feed')))
  const goodKeys = async (ids: readonly string[]) => {
    const others = ids.filter(id => owner.isGood(id) === null)
    const good = others.length > 0 ? await plane.keys.good(others) : []
    return [...ids.filter(id => owner.isGood(id)), ...good]
  }
  const lanes = options.lanes ?? null
  addRoutes(api, { plane, feed, owner, url, goodKeys, version: options.version, closing: closing.signal, lanes, onFault })
  api.addHook('preClose', async () => {
    closing.abort()
    feed.close()
  })
  try {
    await api.listen({ host, port })
  } catch (error) {
    await api.close()
    throw cannotListen(error, host, port)
  }
  const upkeep = startUpkeep(plane, { keep: options.keep ?? {}, onFault })
  return {
    url: here(),
    owner: open ? null : { address: addressOf(api.server.address() as AddressInfo), key: owner.key, link: linkTo(url(), owner.newLink()) },
    async close() {
      await upkeep.stop()
      await api.close()
    },
  }
}

/** Adds all routes of the API. They work once the server listens. */
export function addRoutes(api: ApiServer, context: ApiContext): void {
  const routes = collectRoutes(api)
  projectRoutes(api, context)
  runRoutes(api, context)
  runControlRoutes(api, context)
  eventRoutes(api, context)
  streamRoutes(api, context)
  taskRoutes(api, context)
  queueRoutes(api, context)
  holdingRoutes(api, context)
  workerRoutes(api, context)
  sessionRoutes(api, context)
  operationRoutes(api, context, routes)
}

async function callerOf(plane: ControlPlane, text: string) {
  const key = await plane.keys.verify(text)
  return key && { kind: key.kind, customer: key.customer, keyId: key.id, name: key.name || key.prefix }
}

async function needKeys(plane: ControlPlane, host: string): Promise<void> {
  const { items } = await plane.keys.list(ALL, { limit: 1_000 })
  if (items.some(key => key.revokedAt === null)) return
  throw new RunnerError('USAGE', `a server on ${host} needs keys here, and there is none yet`, {
    advice: 'Make one first: agent-runner keys create --kind admin',
  })
}

function cannotListen(error: unknown, host: string, port: number): unknown {
  const { code, message } = error as NodeJS.ErrnoException
  if (code === 'EADDRINUSE') return new RunnerError('PORT_IN_USE', `${host} port ${port} is in use`, { cause: error })
  if (code && ['EACCES', 'EADDRNOTAVAIL', 'ENOTFOUND', 'EAI_AGAIN'].includes(code))
    return new RunnerError('USAGE', `cannot listen on ${host} port ${port}: ${message}`, {
      cause: error,
      advice: 'Choose another --host or --port.',
    })
  return error
}

const OPEN_ADVICE = 'Leave out --open-to-this-machine, or listen on 127.0.0.1 without --allowed-hosts, --public-url and --trust-proxy.'

/** The very address at which programs on this machine reach the server: no name, which could lead elsewhere. */
function addressOf({ address, port }: AddressInfo): string {
  if (address === '0.0.0.0') return `127.0.0.1:${port}`
  if (address === '::') return `[::1]:${port}`
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`
}

/** The address under which the server is reached from this machine. */
function urlOf(host: string, port: number): string {
  if (host === '0.0.0.0') return `http://127.0.0.1:${port}`
  if (host === '::') return `http://[::1]:${port}`
  return `http://${host.includes(':') && !host.startsWith('[') ? `[${host}]` : host}:${port}`
}
