import { createHash } from 'node:crypto'
import type { FastifyReply, FastifyRequest } from 'fastify'

/** Gives single resources an ETag, and answers 304 to clients that have the present version already. */
export async function etag(request: FastifyRequest, reply: FastifyReply, payload: unknown): Promise<unknown> {
  if (!request.routeOptions.config.single || request.method !== 'GET' || reply.statusCode !== 200) return payload
  if (typeof payload !== 'string' && !Buffer.isBuffer(payload)) return payload
  const tag = `"${createHash('sha256').update(payload).digest('base64url').slice(0, 27)}"`
  reply.header('etag', tag)
  if (!matches(request.headers['if-none-match'], tag)) return payload
  reply.code(304)
  return null
}

/** RFC 9110: a list of tags, weak ones included, or `*`. */
function matches(header: string | undefined, tag: string): boolean {
  if (header === undefined) return false
  return header.split(',').some(part => part.trim() === '*' || part.trim().replace(/^W\//, '') === tag)
}
