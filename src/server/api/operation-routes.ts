import type { RouteOptions } from 'fastify'
import { alive, health, openapiDocument } from '../../contract/operations.ts'
import { RunnerError } from '../../core/errors.ts'
import { openapiOf } from '../docs/openapi.ts'
import { ALL } from '../door/auth.ts'
import { measure } from '../door/metrics.ts'
import type { ApiServer } from '../door/server-types.ts'
import { type ApiContext, by } from './context.ts'

const tags = ['operations']
const open = { needs: 'open' } as const
const page = { needs: 'open', page: true } as const

/** Health, metrics, and the document of the API with its page. `routes` are all routes, also those that are added later. */
export function operationRoutes(api: ApiServer, { plane, feed, version }: ApiContext, routes: RouteOptions[]): void {
  const metrics = measure(api, {
    runs: customer => plane.runs.counts({ ...ALL, customer }),
    storage: customer => plane.storage.counts({ ...ALL, customer }),
    workers: async customer => (await plane.workers.counts({ ...ALL, customer })).seen,
    subscribers: () => feed.subscribers,
  })

  async function state(look: () => Promise<unknown>) {
    try {
      await look()
      return { status: 'ok' as const, version, database: plane.kind, time: new Date().toISOString() }
    } catch (error) {
      const message = error instanceof RunnerError ? 'the database cannot be reached' : 'the database does not answer'
      return { status: 'failing' as const, version, database: plane.kind, time: new Date().toISOString(), message }
    }
  }

  for (const [path, operationId, summary, look] of [
    ['/health', 'getHealth', 'Is the server well?', () => plane.events.last()],
    ['/readyz', 'getReady', 'Can the server take requests? Proven by a write', provenOnce(() => plane.proveWrite())],
  ] as const) {
    api.get(
      path,
      { config: open, schema: { operationId, tags, summary, response: { 200: health, 503: health } } },
      async (_request, reply) => {
        const found = await state(look)
        return reply.code(found.status === 'ok' ? 200 : 503).send(found)
      },
    )
  }

  api.get(
    '/livez',
    {
      config: { ...open, plain: true, rateLimit: false },
      schema: { operationId: 'getAlive', tags, summary: 'Does the process answer?', response: { 200: alive } },
    },
    async () => ({ status: 'ok' as const }),
  )

  api.get(
    '/metrics',
    {
      config: { needs: 'read' },
      schema: {
        ...{ operationId: 'getMetrics', tags, summary: 'Read the metrics' },
        description: "Of this process and of all customers, for a key that sees all of them; else the customer's own counts alone.",
        produces: { 200: { contentType: 'text/plain', description: 'As Prometheus reads them.' } },
      },
    },
    async (request, reply) => reply.type(metrics.contentType).send(await metrics.of(by(request).customer)),
  )

  let document: Promise<Record<string, unknown>> | undefined
  api.get(
    '/openapi.json',
    {
      config: { ...page, single: true },
      schema: { operationId: 'getOpenapi', tags, summary: 'Read this document', response: { 200: openapiDocument } },
    },
    async () => {
      document ??= openapiOf(routes, { version })
      return document
    },
  )

  api.get(
    '/docs',
    {
      config: page,
      schema: {
        ...{ operationId: 'getDocs', tags, summary: 'Read about the API, and try it' },
        produces: { 200: { contentType: 'text/html', description: 'A page that needs nothing but this server.' } },
      },
    },
    async (_request, reply) => {
      const { PAGE, PAGE_HEADERS } = await import('../docs/docs-page.ts')
      return reply.headers(PAGE_HEADERS).type('text/html; charset=utf-8').send(PAGE)
    },
  )
}

/** How long a proof holds, and how long it may take, in milliseconds: frequent or concurrent requests must not cost a write each. */
const PROOF_MS = 1_000
const PROOF_TAKES_MS = 5_000

/** The same answer for all who ask within a second. Rejects when there is none in time. */
function provenOnce(prove: () => Promise<unknown>): () => Promise<unknown> {
  let last: { at: number; proof: Promise<unknown> } | null = null
  return () => {
    if (last && performance.now() - last.at < PROOF_MS) return last.proof
    const late = new Promise((_, reject) => {
      setTimeout(() => reject(new Error('the database took too long')), PROOF_TAKES_MS).unref()
    })
    const proof = Promise.race([prove(), late])
    proof.catch(() => {})
    last = { at: performance.now(), proof }
    return proof
  }
}
