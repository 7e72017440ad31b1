import Fastify, { type FastifyRequest, type RouteOptions } from 'fastify'
import type * as z from 'zod'
import { JsonBeyond, jsonFault, readJson } from '../../core/json.ts'
import { LIMITS } from '../../core/limits.ts'
import { addressesOf } from './arrival.ts'
import { authorise, type Caller, identify } from './auth.ts'
import { Connections, closeUnread } from './connections.ts'
import { etag } from './etag.ts'
import { type GuardOptions, guard } from './guard.ts'
import { IGNORED_FIELDS, ignoredFields } from './ignored.ts'
import { refuseUnknown } from './not-found.ts'
import { problemHandler, Refusal } from './problem.ts'
import { limitRates, limits } from './request-limits.ts'
import type { ApiServer } from './server-types.ts'
import { jsonSerializer, parsed, refuseUnknownKeys, withForm, zodValidator } from './validation.ts'

export interface AppOptions extends GuardOptions {
  /** Looks a key up; null when it is not known. */
  callerOf(key: string): Promise<Caller | null>
  /** Whether callers without a key are trusted, as the owner said. */
  open: boolean
  /** How long the headers of a request may take to arrive, and a whole request six times as long, in milliseconds. */
  headersMs?: number
  /** How many connections of one address may be open without a good key. */
  mostUnknown?: number
  /** Requests per minute of one key or address. */
  rateLimit: number
  /** Gets every failure that is our own fault. */
  onFault(error: unknown, where: string): void
}

const HEADERS_MS = 10_000

/** A server with all checks before the routes, in this order: host and origin, who asks, how often, whether that is allowed. */
export async function bareApi(options: AppOptions): Promise<ApiServer> {
  const api = Fastify({
    ...limits(options.headersMs ?? HEADERS_MS),
    logger: false,
    exposeHeadRoutes: false,
    return503OnClosing: true,
    // For example an address that cannot be decoded: no hook and no handler sees it.
    frameworkErrors: problemHandler((error, request) => options.onFault(error, nameOf(request))),
  }) as unknown as ApiServer
  api.setValidatorCompiler(zodValidator)
  api.setSerializerCompiler(jsonSerializer)
  api.removeContentTypeParser('text/plain')
  api.addContentTypeParser('application/json', { parseAs: 'string' }, parseJson)
  api.decorateRequest('caller', null)
  api.decorateRequest('arrival', null as never)
  api.setErrorHandler(problemHandler((error, request) => options.onFault(error, nameOf(request))))
  const connections = new Connections(addressesOf(options.trustProxy ?? []), options.mostUnknown)
  connections.watch(api.server)
  api.addHook('onRequest', guard(options))
  api.addHook('onRequest', identify(options))
  api.addHook('onRequest', async ({ caller, raw }) => {
    if (caller) connections.known(raw.socket)
  })
  // A client that was refused before its body arrived has no more to say.
  api.addHook('onResponse', async ({ raw }) => closeUnread(raw))
  await limitRates(api, options.rateLimit)
  // This comes after the counting, so that guessing keys is slowed down.
  api.addHook('preParsing', authorise)
  api.addHook('preValidation', async (request, reply) => {
    const { config, schema } = request.routeOptions
    const query = request.query as Record<string, unknown>
    // Where a query is read, its schema names the keys.
    if (config.needs && config.needs !== 'open' && !schema?.querystring) refuseUnknownKeys(query, [])
    if (schema?.form)
      request.body = withForm(schema.form(parsed(schema.querystring as z.ZodType<typeof query>, query, 'query')), request.body)
    const ignored = schema?.body ? ignoredFields(schema.body as z.ZodType, request.body) : null
    if (ignored !== null) reply.header(IGNORED_FIELDS, ignored)
  })
  api.addHook('onSend', etag)
  api.addHook('onSend', async (_request, reply) => {
    reply.header('x-content-type-options', 'nosniff')
    if (!reply.hasHeader('cache-control')) reply.header('cache-control', 'no-store')
  })
  refuseUnknown(api)
  return api
}

/** Collects the routes that are added from now on. */
export function collectRoutes(api: ApiServer): RouteOptions[] {
  const routes: RouteOptions[] = []
  api.addHook('onRoute', route => void routes.push(route))
  return routes
}

/** An empty body is the same as none: clients send the content type all the same. */
async function parseJson(_request: FastifyRequest, text: string | Buffer): Promise<unknown> {
  if (text.length === 0) return undefined
  try {
    return readJson(text.toString(), { values: LIMITS.jsonValues.most, keepsNumbers: true })
  } catch (error) {
    throw new Refusal(400, `the body is ${error instanceof JsonBeyond ? 'not taken' : 'not JSON'}: ${jsonFault(error)}`)
  }
}

const nameOf = (request: FastifyRequest) => `${request.method} ${request.url.split('?')[0]}`
