import type { FastifyReply, FastifyRequest } from 'fastify'
import { Refusal } from '../door/problem.ts'

/** One page of a list that is read newest first by a number that only grows, so that what is added in between moves nothing. */
export interface Page {
  limit: number
  /** Only what is older than this; null for the newest. */
  before: number | null
}

/** The page that a request asks for. A cursor that was not made here is a 422. */
export function pageOf({ limit, cursor }: { limit: number; cursor?: string }): Page {
  if (cursor === undefined) return { limit, before: null }
  const text = Buffer.from(cursor, 'base64url').toString()
  if (!/^\d{1,15}$/.test(text))
    throw new Refusal(422, 'query cursor: is not one of ours', { errors: [{ in: 'query', path: 'cursor', message: 'is not one of ours' }] })
  return { limit, before: Number(text) }
}

/** Tells in `Link` where the next page is: the same address with the cursor of the last thing on this one. `next` null: there is none. */
export function linkNext(request: FastifyRequest, reply: FastifyReply, next: number | null, name: 'cursor' | 'after' = 'cursor'): void {
  if (next === null) return
  const [path, query] = request.url.split('?', 2)
  const parameters = new URLSearchParams(query)
  parameters.set(name, name === 'after' ? String(next) : Buffer.from(String(next)).toString('base64url'))
  reply.header('link', `<${path}?${parameters}>; rel="next"`)
}
