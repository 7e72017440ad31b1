import type { AddressInfo } from 'node:net'
import { onTestFinished } from 'vitest'
import * as z from 'zod'
import { RunnerError } from '../../src/core/errors.ts'
import { type AppOptions, bareApi } from '../../src/server/door/app.ts'
import type { Caller, KeyKind } from '../../src/server/door/auth.ts'
import { Refusal } from '../../src/server/door/problem.ts'

/** Keys of the kinds, as they would be in a database. */
const KEYS: Record<string, Caller> = Object.fromEntries(
  (['admin', 'worker', 'read'] as KeyKind[]).map(kind => [`key-${kind}`, { kind, customer: 'acme', keyId: kind, name: kind }]),
)

/** Everything that stands before the routes, with a few routes behind it, listening on loopback. */
export async function bare(options: Partial<AppOptions> = {}) {
  const faults: unknown[] = []
  const api = await bareApi({
    ...{ allowedHosts: [], corsOrigins: [], open: true, rateLimit: 1_000_000 },
    callerOf: async key => KEYS[key] ?? null,
    onFault: error => faults.push(error),
    ...options,
  })
  const done: string[] = []
  for (const needs of ['open', 'read', 'worker', 'admin'] as const) {
    api.get(`/${needs}`, { config: { needs } }, async request => {
      done.push(needs)
      return { needs, who: request.caller?.name ?? null }
    })
  }
  api.get('/forgotten', async () => 'nobody said who may')
  api.get('/plain', { config: { needs: 'open', plain: true, rateLimit: false } }, async () => 'alive')
  api.get('/page', { config: { needs: 'open', page: true } }, async () => 'a page')
  let version = 1
  api.get('/thing', { config: { needs: 'read', single: true } }, async () => ({ version }))
  const body = z.object({ name: z.string().min(1, 'must not be empty'), size: z.int().default(3) })
  api.post('/thing', { config: { needs: 'admin' }, schema: { body } }, async (request, reply) => {
    version++
    return reply.code(201).send(request.body as never)
  })
  api.get('/bug', { config: { needs: 'open' } }, async () => {
    throw new Error('secret inside at /root/file.ts')
  })
  api.get('/state', { config: { needs: 'open' } }, async () => {
    throw new RunnerError('RUN_STATE', 'a COMPLETED run cannot become PAUSED')
  })
  api.get('/refused', { config: { needs: 'open' } }, async () => {
    throw new Refusal(418, 'short and stout', { headers: { 'x-pot': 'tea' } })
  })
  await api.listen({ host: '127.0.0.1', port: 0 })
  onTestFinished(() => api.close())
  const { port } = api.server.address() as AddressInfo
  return { api, port, url: `http://127.0.0.1:${port}`, faults, done }
}
