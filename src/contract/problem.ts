import * as z from 'zod'
import { ERRORS, type ErrorCode } from '../core/errors.ts'

/** The name of a problem that has a row in the table of errors. */
export const problemType = (code: ErrorCode) => `urn:agent-runner:problem:${code.toLowerCase().replaceAll('_', '-')}`

/** The rows of the table that a caller can meet: what is our own fault is an `about:blank` problem, as is what only HTTP knows. */
export const PROBLEM_CODES = (Object.keys(ERRORS) as ErrorCode[]).filter(code => {
  const { kind } = ERRORS[code]
  return kind !== 'bug' && kind !== 'broken' && kind !== 'usage'
})

const named = PROBLEM_CODES.map(code => `\`${problemType(code)}\` (${ERRORS[code].http})`).join(', ')

/** RFC 9457: what every refusal and failure looks like. */
export const problem = z
  .object({
    type: z.string().meta({
      description: `A name for the kind of problem; programs compare this one: \`about:blank\` when the status says it all, else ${named}.`,
      examples: ['urn:agent-runner:problem:run-state'],
    }),
    title: z.string().meta({ description: 'The kind of problem in words.', examples: ['Run state'] }),
    status: z
      .int()
      .min(400)
      .max(599)
      .meta({ description: 'The HTTP status.', examples: [409] }),
    detail: z.string().meta({ description: 'What happened, in plain words.', examples: ['a COMPLETED run cannot become PAUSED'] }),
    advice: z.string().optional().meta({ description: 'What to do about it.' }),
    errors: z
      .array(z.object({ in: z.enum(['body', 'query', 'path', 'headers']), path: z.string(), message: z.string() }))
      .optional()
      .meta({
        description: 'Each place that is invalid, up to a hundred.',
        examples: [[{ in: 'body', path: 'goal', message: 'must not be empty' }]],
      }),
  })
  .meta({ id: 'Problem', description: 'RFC 9457 problem details.' })

export type Problem = z.infer<typeof problem>
