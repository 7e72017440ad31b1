import type { IncomingMessage, ServerResponse } from 'node:http'
import type { FastifyBaseLogger, FastifyInstance, FastifyTypeProvider, RawServerDefault } from 'fastify'
import type * as z from 'zod'
import type { Arrival } from './arrival.ts'
import type { Caller, Need } from './auth.ts'

/** Handlers are typed by the zod schemas of their routes: what comes in as parsed, what goes out as declared. */
export interface ZodTypes extends FastifyTypeProvider {
  validator: this['schema'] extends z.ZodType ? z.output<this['schema']> : unknown
  serializer: this['schema'] extends z.ZodType ? z.input<this['schema']> : unknown
}

/** Fastify, typed by zod. */
export type ApiServer = FastifyInstance<RawServerDefault, IncomingMessage, ServerResponse, FastifyBaseLogger, ZodTypes>

/** An answer that is not JSON. */
interface OtherAnswer {
  contentType: string
  description: string
}

declare module 'fastify' {
  interface FastifySchema {
    /** Every route has one of each; the document of the API is made of them. */
    operationId?: string
    tags?: string[]
    summary?: string
    description?: string
    /** The problems that are this route's own, by status. */
    problems?: Record<number, string>
    /** Successful answers that are not JSON. */
    produces?: Record<number, OtherAnswer>
    /** The fields of the body that may stand in the query instead, as the body has them. */
    form?(query: Record<string, unknown>): Record<string, unknown>
    /** The content type of a body that is not JSON. */
    consumes?: string
  }
  interface FastifyContextConfig {
    /** What a caller must be. */
    needs?: Need
    /** One thing with an ETag. */
    single?: boolean
    /** A POST whose answer is secret, so that it is kept nowhere: a repetition with the same `Idempotency-Key` is done anew. */
    answersAnew?: boolean
    /** Answers at once to everybody: nobody is looked up, nothing is counted. */
    plain?: boolean
    /** A page or document that a browser may be led to from elsewhere. */
    page?: boolean
  }
  interface FastifyRequest {
    /** Who asks; null until it is known, and for nobody. */
    caller: Caller | null
    /** Where it comes from. */
    arrival: Arrival
  }
}
