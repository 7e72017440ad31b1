import * as z from 'zod'
import { LIMITS } from '../core/limits.ts'
import { EVENT_TYPES } from './event-types.ts'
import { anyObject, projectId, queryNumber, runId, time } from './parts.ts'

/** One line of a run's timeline. Never changed once written. */
export const event = z
  .object({
    cursor: z.int().meta({ description: 'Grows over all events; where to go on from.' }),
    run_id: runId,
    project_id: projectId,
    seq: z.int().meta({ description: 'Counts within the run, from 1.' }),
    type: z.string().meta({ description: `One of ${EVENT_TYPES.join(', ')}; more may come.`, examples: ['RUN_STARTED'] }),
    at: time,
    data: anyObject.meta({ description: 'What the type tells more.' }),
    message: z.string().meta({ description: 'The same as one line for people.' }),
    id: z.int().meta({ description: 'The cursor, under the name that other clients look for.' }),
    created_at: time.meta({ description: 'The same as `at`.' }),
    payload: anyObject.meta({ description: 'The same as `data`.' }),
  })
  .meta({ id: 'Event', description: "One line of a run's timeline." })

export type WireEvent = z.infer<typeof event>

const after = queryNumber(0, Number.MAX_SAFE_INTEGER)

/** Where a reader goes on from. The older name is good too; `after` wins. */
export const place = {
  after: after.optional().meta({ description: 'Only what came after this cursor.' }),
  after_id: after.optional().meta({ description: 'Another name for `after`.' }),
}

/** The cursor that a query names; undefined when it names none. */
export const placeOf = (query: { after?: number; after_id?: number }) => query.after ?? query.after_id

export const eventList = z.object({
  ...place,
  limit: queryNumber(1, LIMITS.pageEvents.most).default(200),
  type: z
    .string()
    .max(1_000)
    .transform(text => text.toUpperCase().split(','))
    .optional()
    .meta({ description: 'Only events of these types, with commas.' }),
})

export const eventStream = z.object({
  ...place,
  after: place.after.meta({
    description:
      'Where to begin when there is no `Last-Event-ID`; without both, with what happens from now on (one run: from its beginning).',
  }),
  project_id: projectId.optional().meta({ description: 'Only events of this project.' }),
})
