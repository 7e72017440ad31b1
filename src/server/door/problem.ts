import { STATUS_CODES } from 'node:http'
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import { PROBLEM_CODES, type Problem, problemType } from '../../contract/problem.ts'
import { asRunnerError, ERRORS, RunnerError } from '../../core/errors.ts'

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

/** Anything thrown, as a problem. A fault of our own tells nothing about the inside. */
export function problemOf(thrown: unknown): Problem {
  if (thrown instanceof Refusal) return httpProblem(thrown.status, thrown.message, thrown.errors)
  const status = (thrown as FastifyError | null)?.statusCode
  if (!(thrown instanceof RunnerError) && status !== undefined && status >= 400 && status < 500)
    return httpProblem(status, PLAINLY[(thrown as FastifyError).code] ?? 'the server does not take this')
  const { code, message, advice } = asRunnerError(thrown)
  const { http, kind } = ERRORS[code]
  if (kind === 'usage' && http === 422) return httpProblem(http, message)
  if (!PROBLEM_CODES.includes(code)) return httpProblem(http, http === 503 ? UNUSABLE : FAULT)
  const title = code
    .toLowerCase()
    .replaceAll('_', ' ')
    .replace(/^./, letter => letter.toUpperCase())
  return { type: problemType(code), title, status: http, detail: message, ...(advice ? { advice } : {}) }
}

/** What the framework refuses, in plain words. */
const PLAINLY: Record<string, string> = {
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'the body must be JSON: Content-Type: application/json',
  FST_ERR_CTP_BODY_TOO_LARGE: 'the body is too large',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'Content-Length is not the length of the body',
  FST_ERR_MAX_PARAM_LENGTH: 'a part of the address is too long: no id and no name has so many characters',
  FST_ERR_BAD_URL: 'the address cannot be decoded: a % must be followed by two hexadecimal digits',
}

const FAULT = 'something went wrong inside the server; its log says what'
const UNUSABLE = 'the server cannot use its database; its log says why'

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
