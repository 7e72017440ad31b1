import type { FastifyReply, FastifyRequest } from 'fastify'
import { eventStream, placeOf } from '../../contract/event.ts'
import { type ApiContext, by, idParam } from '../api/context.ts'
import { callerOf } from '../door/auth.ts'
import { Refusal } from '../door/problem.ts'
import type { ApiServer } from '../door/server-types.ts'
import type { Subscription } from './event-feed.ts'
import { KeyWatch } from './key-watch.ts'
import { SseResponse } from './sse.ts'

const tags = ['events']
const produces = { 200: { contentType: 'text/event-stream', description: 'Plain messages: `id` is the cursor, `data` an Event.' } }
const description =
  'Server-sent events without event names, so `onmessage` gets them all. `Last-Event-ID` goes on without gap or repetition. ' +
  'A comment comes every 15 s. A reader that falls far behind is cut off, and can come back; one whose key is revoked is cut off for good.'

/** What happens, as it happens. */
export function streamRoutes(api: ApiServer, { plane, feed, goodKeys, onFault }: ApiContext): void {
  const keys = new KeyWatch(
    async ids => new Set(await goodKeys(ids)),
    error => onFault(error, 'the watch over keys'),
  )

  api.get(
    '/runs/:id/events/stream',
    {
      config: { needs: 'read' },
      schema: {
        ...{ operationId: 'streamRunEvents', tags, summary: "Follow a run's events", description, produces },
        params: idParam,
        querystring: eventStream.omit({ project_id: true }),
        problems: { 404: 'There is no such run.' },
      },
    },
    async (request, reply) => {
      const { id } = await plane.runs.get(by(request), request.params.id)
      return follow(request, reply, { after: lastId(request) ?? placeOf(request.query) ?? 0, runId: id, wants: () => true })
    },
  )

  api.get(
    '/events/stream',
    {
      config: { needs: 'read' },
      schema: {
        operationId: 'streamEvents',
        tags,
        summary: 'Follow the events of all runs',
        description,
        produces,
        querystring: eventStream,
      },
    },
    async (request, reply) => {
      const { project_id: project } = request.query
      return follow(request, reply, {
        after: lastId(request) ?? placeOf(request.query) ?? null,
        runId: null,
        wants: event => project === undefined || event.project_id === project,
      })
    },
  )

  async function follow(request: FastifyRequest, reply: FastifyReply, subscription: Subscription): Promise<FastifyReply> {
    const headers = reply.getHeaders() as Record<string, string>
    const { keyId } = callerOf(request)
    reply.hijack()
    const sse = new SseResponse(reply.raw, headers)
    const unwatch = keyId === null ? null : keys.watch(keyId, () => sse.drop())
    try {
      await feed.serve(callerOf(request).customer, sse, subscription)
    } catch (error) {
      onFault(error, `GET ${request.url}`)
      sse.end()
    } finally {
      unwatch?.()
    }
    return reply
  }
}

/** Where the reader was when it lost the stream. */
function lastId({ headers }: FastifyRequest): number | null {
  const id = headers['last-event-id']
  if (id === undefined || id === '') return null
  const cursor = Number(id)
  if (!Number.isSafeInteger(cursor) || cursor < 0) throw new Refusal(422, 'headers Last-Event-ID: is not one of ours')
  return cursor
}
