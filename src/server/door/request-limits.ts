import type { Socket } from 'node:net'
import rateLimit from '@fastify/rate-limit'
import type { FastifyHttpOptions, FastifyRequest, RawServerDefault } from 'fastify'
import { LIMITS } from '../../core/limits.ts'
import { countedAs } from './arrival.ts'
import { lastWords } from './connections.ts'
import { isLoopback } from './guard.ts'
import { isOwnersProgram } from './owner.ts'
import { httpProblem, PROBLEM_TYPE, Refusal } from './problem.ts'
import type { ApiServer } from './server-types.ts'

const HEADER_BYTES = 16 * 1024

/** What keeps a slow or greedy client from holding the server: time for headers and for a whole request, sizes, and answers to what is no HTTP. */
export const limits = (headersMs: number) =>
  ({
    bodyLimit: LIMITS.body.most,
    requestTimeout: 6 * headersMs,
    keepAliveTimeout: 30_000,
    // Nothing moved for so long: the longest wait and the gaps of a stream are shorter.
    connectionTimeout: 12 * headersMs,
    maxRequestsPerSocket: 10_000,
    routerOptions: { maxParamLength: 300 },
    http: { maxHeaderSize: HEADER_BYTES, headersTimeout: headersMs, connectionsCheckingInterval: headersMs / 5 },
    clientErrorHandler: refuseGarbled,
  }) satisfies FastifyHttpOptions<RawServerDefault>

const GARBLED: Record<string, [number, string]> = {
  HPE_HEADER_OVERFLOW: [431, `address and headers together may have at most ${HEADER_BYTES} bytes`],
  ERR_HTTP_REQUEST_TIMEOUT: [408, 'the request took too long to arrive'],
}

/** Answers input that is not even a request. */
function refuseGarbled(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy()
  const problem = httpProblem(...(GARBLED[error.code ?? ''] ?? [400, 'this is not HTTP']))
  const body = JSON.stringify(problem)
  const head = `HTTP/1.1 ${problem.status} ${problem.title}\r\ncontent-type: ${PROBLEM_TYPE}\r\ncontent-length: ${Buffer.byteLength(body)}`
  lastWords(socket, `${head}\r\nconnection: close\r\n\r\n${body}`)
}

/**
 * At most this many requests per minute: of one key, or of one address where no good key came along, which also slows down guessing. The
 * owner's own programs are not counted, nor callers on this machine that are trusted without a key.
 */
export async function limitRates(api: ApiServer, perMinute: number): Promise<void> {
  await api.register(rateLimit, {
    max: perMinute,
    timeWindow: 60_000,
    cache: 10_000,
    keyGenerator: (request: FastifyRequest) => request.caller?.keyId ?? `address ${countedAs(request.arrival.address)}`,
    allowList: ({ caller, arrival }: FastifyRequest) =>
      caller !== null && (isOwnersProgram(caller) || (caller.keyId === null && isLoopback(arrival.address))),
    errorResponseBuilder: (_request, { after }) => new Refusal(429, `too many requests; come back in ${after}`),
  })
}
