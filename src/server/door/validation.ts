import type { FastifySchemaCompiler, FastifySerializerCompiler } from 'fastify'
import type * as z from 'zod'
import { storableDocument } from '../../core/storable.ts'
import { whatIsWanted } from '../../core/text/wanted.ts'
import { cut } from '../../core/text/words.ts'
import { Refusal } from './problem.ts'

type Place = 'body' | 'query' | 'path' | 'headers'
const PLACES = { body: 'body', querystring: 'query', params: 'path', headers: 'headers' } as const

/** How many of the places that are invalid are named, and how long a name may be that somebody else has made up. */
const MOST_ERRORS = 100
const nameOf = (text: string) => cut(text, 200)

/** What a schema makes of data from outside; 422 that names each invalid place. */
export function parsed<S extends z.ZodType>(schema: S, data: unknown, where: Place): z.output<S> {
  // Reading has made the bodies storable already.
  const result = schema.safeParse(where === 'body' ? data : storableDocument(data), { error: whatIsWanted })
  if (result.success) return result.data
  const errors = result.error.issues
    .slice(0, MOST_ERRORS)
    .map(issue => ({ in: where, path: nameOf(issue.path.join('.')), message: issue.message }))
  const said = errors.map(({ path, message }) => `${[where, path].filter(Boolean).join(' ')}: ${message}`)
  throw new Refusal(422, said.slice(0, 10).join('; '), { errors })
}

/** Checks what comes in by its zod schema; the handler gets what was parsed. */
export const zodValidator: FastifySchemaCompiler<unknown> =
  ({ schema, httpPart }) =>
  data => {
    const where = PLACES[httpPart as keyof typeof PLACES]
    try {
      // A POST without a body is the same as one with an empty object, where every field may be left out.
      const value = parsed(schema as z.ZodType, data ?? (where === 'body' ? {} : data), where)
      if (where === 'query') refuseUnknownKeys(data as object, Object.keys((schema as z.ZodObject).shape))
      return { value }
    } catch (error) {
      return { error: error as Error }
    }
  }

/** A body with what the query says of it. 422 where both say something and not the same. */
export function withForm(form: Record<string, unknown>, body: unknown): unknown {
  const said = Object.entries(form).filter(([, value]) => value !== undefined)
  if (body === undefined || body === null) return Object.fromEntries(said)
  if (!isObject(body)) return body
  const merged = { ...body }
  for (const [name, value] of said) {
    const own = body[name] ?? undefined
    if (isObject(value) && (own === undefined || isObject(own))) merged[name] = withForm(value, own ?? {})
    else if (own === undefined || own === value) merged[name] = value
    else {
      const message = 'is another one in the body'
      throw new Refusal(422, `query ${name}: ${message}`, { errors: [{ in: 'query', path: name, message }] })
    }
  }
  return merged
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value)

/**
 * An unknown query key is a 422: a client that mistypes a filter must not take the whole list for the answer. Bodies may contain more
 * than we read (`ignored.ts`).
 */
export function refuseUnknownKeys(query: object, known: readonly string[]): void {
  const unknown = Object.keys(query)
    .filter(key => !known.includes(key))
    .slice(0, MOST_ERRORS)
    .map(nameOf)
  if (unknown.length === 0) return
  const message = known.length === 0 ? 'is not known here; no query is' : `is not known here; known are ${known.join(', ')}`
  const errors = unknown.map(path => ({ in: 'query' as const, path, message }))
  throw new Refusal(422, `query ${unknown.slice(0, 10).join(', ')}: ${message}`, { errors })
}

/** Answers are typed by their schemas when the program is checked, and held to them by tests; here they only become text. */
export const jsonSerializer: FastifySerializerCompiler<unknown> = () => data => JSON.stringify(data)
