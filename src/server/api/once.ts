import type { FastifyReply, FastifyRequest } from 'fastify'
import type { ControlPlane } from '../../board/control-plane.ts'
import type { Answer } from '../../board/keys/idempotency.ts'
import { callerOf } from '../door/auth.ts'
import { Refusal } from '../door/problem.ts'
import { type ApiContext, gone } from './context.ts'

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
  const keyed = keyedOf(request)
  if (keyed === null) return act(plane)
  return told(reply, await plane.once(keyed.scope, keyed.repeatable, async within => ({ status, body: await act(within) })))
}

/** Requests with a key that wait for something, by plane and key. */
const waiting = new WeakMap<ControlPlane, Map<string, Promise<unknown>>>()

/**
 * The same for a POST that waits for something, which no transaction can. Its answer is kept when it is there: of two at once here the
 * second waits for the first, but a server that is killed in between does it again, so that has to be no harm. With a key it waits on when the
 * caller has gone away, who will ask again for the answer.
 */
export async function onceWaited<T>(
  { plane, closing }: Pick<ApiContext, 'plane' | 'closing'>,
  request: FastifyRequest,
  reply: FastifyReply,
  status: number,
  act: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  reply.code(status)
  const keyed = keyedOf(request)
  if (keyed === null) return act(gone(reply, closing))
  const { scope, repeatable } = keyed
  const inTurn = waiting.get(plane) ?? new Map<string, Promise<unknown>>()
  waiting.set(plane, inTurn)
  const name = JSON.stringify([scope.customer, repeatable.key])
  const turn = (inTurn.get(name) ?? Promise.resolve()).then(async () => {
    const kept = await plane.answered(scope, repeatable)
    if (kept) return { ...kept, repeated: true }
    const body = await act(closing)
    return plane.once(scope, repeatable, async () => ({ status, body }))
  })
  const settled = turn.catch(() => {})
  inTurn.set(name, settled)
  try {
    return told(reply, await turn)
  } finally {
    if (inTurn.get(name) === settled) inTurn.delete(name)
  }
}

function keyedOf(request: FastifyRequest) {
  const key = request.headers['idempotency-key']
  if (key === undefined) return null
  if (typeof key !== 'string' || key === '' || key.length > MOST)
    throw new Refusal(422, `headers Idempotency-Key: must have 1 to ${MOST} characters`)
  const caller = callerOf(request)
  // Each key has names of its own, so nobody can ask for another's answers.
  const scope = { ...caller, customer: `${caller.customer ?? ''}/${caller.keyId ?? ''}` }
  // Where no body is read, whatever was sent makes no other request.
  const body = request.routeOptions.schema?.body ? request.body : null
  return { scope, repeatable: { key, method: request.method, path: request.url, body } }
}

function told<T>(reply: FastifyReply, answer: Answer & { repeated: boolean }): T {
  reply.code(answer.status)
  if (answer.repeated) reply.header('idempotency-replayed', 'true')
  return answer.body as T
}
