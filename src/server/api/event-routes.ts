import * as z from 'zod'
import { event, eventList, placeOf } from '../../contract/event.ts'
import { projectId } from '../../contract/parts.ts'
import { logQuery } from '../../contract/run.ts'
import type { ApiServer } from '../door/server-types.ts'
import { type ApiContext, by, idParam } from './context.ts'
import { linkNext } from './paging.ts'
import { eventShape } from './shapes.ts'

const tags = ['events']
const unknown = { 404: 'There is no such run.' }
const description = 'Oldest first. `after` is the cursor of the last event that you have.'

/** What happened, as lists. */
export function eventRoutes(api: ApiServer, { plane }: ApiContext): void {
  api.get(
    '/runs/:id/events',
    {
      config: { needs: 'read' },
      schema: {
        ...{ operationId: 'listRunEvents', tags, summary: "List a run's events", description, params: idParam, querystring: eventList },
        response: { 200: z.array(event) },
        problems: unknown,
      },
    },
    async (request, reply) => {
      const { limit, type } = request.query
      const after = placeOf(request.query)
      const { items, next } = await plane.events.page(by(request), request.params.id, { after, limit, types: type })
      linkNext(request, reply, next, 'after')
      return items.map(eventShape)
    },
  )

  api.get(
    '/events',
    {
      config: { needs: 'read' },
      schema: {
        ...{ operationId: 'listEvents', tags, summary: 'List the events of all runs', description },
        querystring: eventList.extend({ project_id: projectId.optional() }),
        response: { 200: z.array(event) },
      },
    },
    async (request, reply) => {
      const { limit, type, project_id } = request.query
      const after = placeOf(request.query)
      const { items, next } = await plane.events.page(by(request), null, { after, limit, types: type, projectId: project_id })
      linkNext(request, reply, next, 'after')
      return items.map(eventShape)
    },
  )

  api.get(
    '/runs/:id/logs',
    {
      config: { needs: 'read' },
      schema: {
        ...{ operationId: 'listRunLogs', tags, summary: "List a run's log", params: idParam, querystring: logQuery },
        description: `What its runners sent (\`POST /api/v1/tasks/{id}/logs\`), line by line; what the control plane says itself stands among the events. ${description}`,
        response: { 200: z.array(event) },
        problems: unknown,
      },
    },
    async (request, reply) => {
      const { limit, tail } = request.query
      const after = placeOf(request.query)
      const { items, next } = await plane.events.page(by(request), request.params.id, { after, limit, told: true, newest: tail })
      linkNext(request, reply, next, 'after')
      return items.map(eventShape)
    },
  )
}
