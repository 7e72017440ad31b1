import type { FastifyReply, FastifyRequest } from 'fastify'
import { cut } from '../../core/text/words.ts'
import { PROBLEM_TYPE, problemOf, Refusal } from './problem.ts'
import type { ApiServer } from './server-types.ts'

/** Answers what no route takes: 405 with `Allow` where the address takes other methods, else 404. For routes that are added from now on. */
export function refuseUnknown(api: ApiServer): void {
  const methods = new Map<string, Set<string>>()
  api.addHook('onRoute', ({ url, method }) => {
    const known = methods.get(url) ?? new Set()
    methods.set(url, known)
    for (const name of [method].flat()) known.add(name)
  })

  const allowedAt = (path: string) => {
    const parts = path.split('/')
    const fits = (route: string[]) => route.length === parts.length && route.every((part, n) => part.startsWith(':') || part === parts[n])
    return [...methods].flatMap(([route, known]) => (fits(route.split('/')) ? [...known] : []))
  }

  api.setNotFoundHandler({ preHandler: api.rateLimit() }, (request: FastifyRequest, reply: FastifyReply) => {
    const path = request.url.split('?')[0]!
    const allowed = allowedAt(path)
    const shown = cut(path, 200)
    const refusal =
      allowed.length > 0
        ? new Refusal(405, `${shown} takes ${allowed.join(', ')}, and not ${request.method}`, { headers: { allow: allowed.join(', ') } })
        : new Refusal(404, `there is nothing at ${request.method} ${shown}`)
    return reply.code(refusal.status).headers(refusal.headers).type(PROBLEM_TYPE).send(problemOf(refusal))
  })
}
