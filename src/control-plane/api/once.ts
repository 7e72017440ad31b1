import type { FastifyReply, FastifyRequest } from 'fastify'
import type { ControlPlane } from '../control-plane.ts'
import { callerOf } from './auth.ts'
import { Refusal } from './problem.ts'

const MOST = 200

/** Answers a POST. With an `Idempotency-Key` it is done once: a repetition gets the same answer, another request with the same key a 422. */
export async function once<T>(
  plane: ControlPlane,
  request: FastifyRequest,
  reply: FastifyReply,
  status: number,
  act: (plane: ControlPlane) => Promise<T>,
): Promise<T> {
  reply.code(status)
  const key = request.headers['idempotency-key']
  if (key === undefined) return act(plane)
  if (typeof key !== 'string' || key === '' || key.length > MOST)
    throw new Refusal(422, `headers Idempotency-Key: must have 1 to ${MOST} characters`)
  const caller = callerOf(request)
  // Who has a key has names of his own: nobody can ask for another's answers.
  const scope = { ...caller, customer: `${caller.customer ?? ''}/${caller.keyId ?? ''}` }
  const answer = await plane.once(scope, { key, method: request.method, path: request.url, body: request.body }, async within => ({
    status,
    body: await act(within),
  }))
  reply.code(answer.status)
  if (answer.repeated) reply.header('idempotency-replayed', 'true')
  return answer.body as T
}
