import { STATUS_CODES } from 'node:http'
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import { asRunnerError, ERRORS, RunnerError } from '../../core/errors.ts'
import type { Problem } from '../wire/problem.ts'

export const PROBLEM_TYPE = 'application/problem+json; charset=utf-8'

/** The door of the server said no, before the control plane was asked. `detail` is for people. */
export class Refusal extends Error {
  readonly status: number
  readonly headers: Record<string, string>
  readonly errors: Problem['errors']

  constructor(status: number, detail: string, more: { headers?: Record<string, string>; errors?: Problem['errors'] } = {}) {
    super(detail)
    this.name = 'Refusal'
    this.status = status
    this.headers = more.headers ?? {}
    this.errors = more.errors
  }
}

/** A problem that has no row in the table of errors. */
export function httpProblem(status: number, detail: string, errors?: Problem['errors']): Problem {
  return { type: 'about:blank', title: STATUS_CODES[status] ?? 'Problem', status, detail, ...(errors ? { errors } : {}) }
}

/** Whatever was thrown, as a problem. What is our own fault tells nothing of its inside. */
export function problemOf(thrown: unknown): Problem {
  if (thrown instanceof Refusal) return httpProblem(thrown.status, thrown.message, thrown.errors)
  const status = (thrown as FastifyError | null)?.statusCode
  if (!(thrown instanceof RunnerError) && status !== undefined && status >= 400 && status < 500)
    return httpProblem(status, (thrown as Error).message)
  const { code, kind, message, advice } = asRunnerError(thrown)
  const { http } = ERRORS[code]
  if (code === 'USAGE') return httpProblem(http, message)
  const words = code.toLowerCase().split('_')
  const title = words.join(' ').replace(/^./, letter => letter.toUpperCase())
  const inside = kind === 'bug' || kind === 'broken'
  return {
    type: `urn:agent-runner:problem:${words.join('-')}`,
    title,
    status: http,
    detail: inside ? INSIDE[http === 503 ? 'unusable' : 'fault'] : message,
    ...(advice && !inside ? { advice } : {}),
  }
}

const INSIDE = {
  fault: 'something went wrong inside the server; its log says what',
  unusable: 'the server cannot reach its database; its log says why',
}

/** Fastify's error handler: every failure leaves as problem+json, and what is our own fault is told to `onFault`. */
export function problemHandler(onFault: (error: unknown, request: FastifyRequest) => void) {
  return (error: unknown, request: FastifyRequest, reply: FastifyReply) => {
    const problem = problemOf(error)
    if (problem.status >= 500) onFault(error, request)
    if (error instanceof Refusal) reply.headers(error.headers)
    if (error instanceof RunnerError && error.retryAfterMs !== undefined) reply.header('retry-after', Math.ceil(error.retryAfterMs / 1000))
    return reply.code(problem.status).type(PROBLEM_TYPE).send(problem)
  }
}
