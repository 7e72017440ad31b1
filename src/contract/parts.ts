import * as z from 'zod'
import { LIMITS } from '../core/limits.ts'
import { MODEL_NAME, MODEL_NAME_WRONG } from '../core/task.ts'

const typeId = (prefix: string, what: string) =>
  z
    .string()
    .regex(new RegExp(`^${prefix}_[0-9a-z]{1,40}$`), `must be the id of a ${what}: ${prefix}_…`)
    .meta({ description: `Id of a ${what}.`, examples: [`${prefix}_01k7m3v9e2f6r8s4t5w6x7y8z9`] })

export const projectId = typeId('prj', 'project')
export const taskId = typeId('tsk', 'task')
export const runId = typeId('run', 'run')

/** ISO 8601 in UTC, with milliseconds. */
export const time = z.iso.datetime().meta({ description: 'ISO 8601, UTC.', examples: ['2026-01-31T12:00:00.000Z'] })

/** The project that something is made in. */
export const ownProject = projectId
  .nullish()
  .transform(id => id ?? undefined)
  .meta({ description: 'Left out, it is the only project that the key sees, or of several the one named `default`.' })

/** Text on one line, trimmed. */
export const line = (max: number) =>
  z
    .string()
    .trim()
    .min(1, 'must not be empty')
    .max(max, `must have at most ${max} characters`)
    .regex(/^[^\r\n\0]*$/, 'must be one line')

/** Text that is used as it is, such as a path or a branch: with U+FFFD instead of a NUL it would be another one. */
export const exact = (max: number) => line(max).regex(/^[^\uFFFD]*$/, 'must not have a NUL or half a character in it')

/** A model's name. */
export const modelName = exact(100).regex(MODEL_NAME, MODEL_NAME_WRONG)

/** Any text up to a length. */
export const prose = (max: number) => z.string().max(max, `must have at most ${max} characters`)

/** The longest text that a person writes: a goal, a description, a directive. */
export const LONG = LIMITS.text.most

/** An answer without a body. */
export const noContent = (description: string) => z.void().meta({ description })

/** Any JSON object. What is in it is the caller's own business, and is not walked. */
export const anyObject = z
  .custom<Record<string, unknown>>(value => typeof value === 'object' && value !== null && !Array.isArray(value), 'must be an object')
  .meta({ type: 'object', additionalProperties: {} })

/** A field that may be left out; null is the same as left out, since many programs write it for what they do not have. */
export const optional = <S extends z.ZodType>(schema: S) => schema.nullish().transform(value => value ?? undefined)

/** The same with a default for when it is left out. */
export const filled = <S extends z.ZodType>(schema: S, fallback: z.output<S>) =>
  schema
    .nullish()
    .transform(value => value ?? fallback)
    .meta({ default: fallback })

/** A whole number that comes as text in a query. */
export const queryNumber = (least: number, most: number) =>
  z.coerce
    .number({ error: 'must be a number' })
    .int('must be a whole number')
    .min(least, `must be at least ${least}`)
    .max(most, `must be at most ${most}`)

/** Yes or no in a query: `true`, `1`, `false`, `0`. */
export const queryFlag = z
  .enum(['true', '1', 'false', '0'], { error: 'must be true or false' })
  .transform(word => word === 'true' || word === '1')

/** What every list takes: how many, and where the last page ended. */
export const page = z.object({
  limit: queryNumber(1, LIMITS.pageEntries.most)
    .default(50)
    .meta({ description: 'How many at most.', examples: [50] }),
  cursor: z
    .string()
    .max(200)
    .optional()
    .meta({ description: 'Where the last page ended; taken from its `Link: …; rel="next"` header, never made up.' }),
})
