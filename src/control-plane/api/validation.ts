import type { FastifySchemaCompiler, FastifySerializerCompiler } from 'fastify'
import type { z } from 'zod'
import { Refusal } from './problem.ts'

const PLACES = { body: 'body', querystring: 'query', params: 'path', headers: 'headers' } as const

/** Checks what comes in by its zod schema; the handler gets what was parsed. What is wrong is a 422 that names each place. */
export const zodValidator: FastifySchemaCompiler<unknown> =
  ({ schema, httpPart }) =>
  data => {
    const where = PLACES[httpPart as keyof typeof PLACES]
    // A POST without a body is the same as one with an empty object, where every field may be left out.
    const parsed = (schema as z.ZodType).safeParse(data ?? (where === 'body' ? {} : data))
    if (parsed.success) return { value: parsed.data }
    const errors = parsed.error.issues.map(issue => ({ in: where, path: issue.path.join('.'), message: issue.message }))
    const said = errors.map(({ path, message }) => `${[where, path].filter(Boolean).join(' ')}: ${message}`)
    return { error: new Refusal(422, said.slice(0, 10).join('; '), { errors }) }
  }

/** Answers are typed by their schemas when the program is checked, and held to them by tests; here they only become text. */
export const jsonSerializer: FastifySerializerCompiler<unknown> = () => data => JSON.stringify(data)
