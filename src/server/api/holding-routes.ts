import * as z from 'zod'
import { wishesOf } from '../../board/queue/waiting-room.ts'
import { LONG } from '../../contract/parts.ts'
import { artifact } from '../../contract/run.ts'
import { completion, completionAnswer, heartbeat, heartbeatAnswer, logAnswer, logBatch, uploadQuery } from '../../contract/worker.ts'
import type { StampedEvent } from '../../core/event.ts'
import { LIMITS } from '../../core/limits.ts'
import { storable } from '../../core/storable.ts'
import { cut } from '../../core/text/words.ts'
import type { ApiServer } from '../door/server-types.ts'
import { type ApiContext, by, idParam } from './context.ts'
import { holderOf } from './holder.ts'
import { once, onceWaited } from './once.ts'

const tags = ['tasks']
const config = { needs: 'worker' } as const
const lost = { 409: 'Another claim has taken over, or the run is over; nothing was changed.' }

/** A worker's result as a note. */
function asText(value: unknown): string {
  if (value === undefined || value === null) return ''
  return cut(typeof value === 'string' ? value : JSON.stringify(value, null, 2), LONG)
}

/** The routes for the runner that holds a task. Each call carries the epoch of its claim. */
export function holdingRoutes(api: ApiServer, context: ApiContext): void {
  const { plane } = context
  api.post(
    '/api/v1/tasks/:id/heartbeat',
    {
      config,
      schema: {
        ...{ operationId: 'heartbeat', tags, summary: 'Renew the lease, and hear what is wanted' },
        description: 'Waits up to `wait` seconds for a wish that is not among `known`. No wish means: go on.',
        params: idParam,
        body: heartbeat,
        response: { 200: heartbeatAnswer },
        problems: lost,
      },
    },
    (request, reply) =>
      onceWaited(context, request, reply, 200, async signal => {
        const { known, wait } = request.body
        const caller = by(request)
        const holder = await holderOf(plane, caller, request.params.id, request.body)
        const lease = await plane.queue.renew(caller, { ...holder, taskId: request.params.id })
        const wishes = await plane.wait({ topic: wishesOf(holder.runId), group: JSON.stringify(known) }, wait * 1_000, signal, async () => {
          const wanted = await plane.queue.wanted(caller, holder.runId, known)
          return wanted.length > 0 ? wanted : null
        })
        return { lease, wishes: wishes ?? [] }
      }),
  )

  api.post(
    '/api/v1/tasks/:id/logs',
    {
      config,
      schema: {
        ...{ operationId: 'sendLogs', tags, summary: "Add to the run's timeline" },
        description: 'Events of the runner with its own numbers, so that a resend is harmless. At most 500 at once.',
        params: idParam,
        body: logBatch,
        response: { 200: logAnswer },
        problems: lost,
      },
    },
    (request, reply) =>
      once(plane, request, reply, 200, async within => {
        const { events, logs } = request.body
        const holder = await holderOf(within, by(request), request.params.id, request.body)
        const { runId, agentId } = holder
        const stamped = events.map(event => ({ ...event, runId, agentId })) as unknown as StampedEvent[]
        const lines = logs.map(line => (typeof line === 'string' ? { message: line } : line))
        const { ackedSeq, leftOut } = await within.queue.publish(by(request), { ...holder, taskId: request.params.id }, stamped, lines)
        return { acked_seq: ackedSeq, ...(leftOut !== undefined && { left_out: leftOut }) }
      }),
  )

  api.post(
    '/api/v1/tasks/:id/complete',
    {
      config,
      schema: {
        ...{ operationId: 'completeTask', tags, summary: 'End the run, and let go of the task' },
        description: 'The same end that is there already is `reported` and changes nothing.',
        params: idParam,
        body: completion,
        response: { 200: completionAnswer },
        problems: lost,
      },
    },
    (request, reply) =>
      once(plane, request, reply, 200, async within => {
        const { success = true, outcome = success ? 'reported' : 'parked', status, result, error } = request.body
        const note = request.body.note ?? asText(success ? result : (error ?? result))
        const holder = await holderOf(within, by(request), request.params.id, request.body)
        return { result: await within.queue.conclude(by(request), holder, request.params.id, { kind: outcome, status, note }) }
      }),
  )

  api.addContentTypeParser(
    'text/plain',
    { parseAs: 'string', bodyLimit: LIMITS.artifact.most },
    async (_request: unknown, body: string | Buffer) => storable(String(body)),
  )
  api.put(
    '/api/v1/runs/:id/artifacts/:name',
    {
      config,
      bodyLimit: LIMITS.artifact.most,
      schema: {
        ...{ operationId: 'putArtifact', tags, summary: 'Keep a file of a run', consumes: 'text/plain' },
        description: 'Such as `diff.patch` or `result.json`; replaces one of the same name.',
        params: idParam.extend({ name: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/, 'must be a plain file name') }),
        querystring: uploadQuery,
        response: { 200: artifact.omit({ created_at: true }) },
        problems: lost,
      },
    },
    async request => {
      const { id, name } = request.params
      const { agent_id, epoch } = request.query
      const body = String(request.body ?? '')
      const contentType = name.endsWith('.json') ? 'application/json' : 'text/plain'
      await plane.artifacts.put(by(request), { agentId: agent_id, runId: id, epoch }, { name, contentType, body })
      return { name, content_type: contentType, size: Buffer.byteLength(body) }
    },
  )
}
