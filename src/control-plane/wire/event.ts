import * as z from 'zod'
import { LIMITS } from '../../core/limits.ts'
import { EVENT_TYPES } from '../event-map.ts'
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
  })
  .meta({ id: 'Event', description: "One line of a run's timeline." })

export type WireEvent = z.infer<typeof event>

const after = queryNumber(0, Number.MAX_SAFE_INTEGER)

export const eventList = z.object({
  after: after.default(0).meta({ description: 'Only what came after this cursor.' }),
  limit: queryNumber(1, LIMITS.pageEvents.most).default(200),
  type: z
    .string()
    .max(1_000)
    .transform(text => text.toUpperCase().split(','))
    .optional()
    .meta({ description: 'Only events of these types, with commas.' }),
})

export const eventStream = z.object({
  after: after.optional().meta({
    description:
      'Where to begin when there is no `Last-Event-ID`; without both, with what happens from now on (one run: from its beginning).',
  }),
  project_id: projectId.optional().meta({ description: 'Only events of this project.' }),
})
