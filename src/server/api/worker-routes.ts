import * as z from 'zod'
import { noContent } from '../../contract/parts.ts'
import { mention, mentionQuery, mentionsRead, processAnswer, worker, workerDraft, workerList, workerStatus } from '../../contract/worker.ts'
import { Refusal } from '../door/problem.ts'
import type { ApiServer } from '../door/server-types.ts'
import { type ApiContext, by } from './context.ts'
import { once, onceWaited } from './once.ts'
import { linkNext, pageOf } from './paging.ts'
import { workerShape } from './shapes.ts'

const tags = ['workers']

/** Who works. */
export function workerRoutes(api: ApiServer, context: ApiContext): void {
  const { plane, lanes } = context
  api.post(
    '/api/v1/workers',
    {
      config: { needs: 'worker' },
      schema: { operationId: 'registerWorker', tags, summary: 'Make a runner known', body: workerDraft, response: { 200: worker } },
    },
    (request, reply) =>
      once(plane, request, reply, 200, async within => {
        const { agent_id, ...said } = request.body
        return workerShape(await within.workers.register(by(request), { ...said, id: agent_id }))
      }),
  )

  api.get(
    '/workers',
    {
      config: { needs: 'read' },
      schema: { operationId: 'listWorkers', tags, summary: 'List runners', querystring: workerList, response: { 200: z.array(worker) } },
    },
    async (request, reply) => {
      const { items, next } = await plane.workers.list(by(request), pageOf(request.query))
      linkNext(request, reply, next)
      return items.map(workerShape)
    },
  )

  api.get(
    '/worker/status',
    {
      config: { needs: 'read' },
      schema: { operationId: 'getWorkerStatus', tags, summary: 'Count runners and what they do', response: { 200: workerStatus } },
    },
    async request => {
      const [counts, workers] = await Promise.all([plane.runs.counts(by(request)), plane.workers.counts(by(request))])
      const { QUEUED: queued, RUNNING: running, PAUSED: paused } = counts
      const own = lanes?.count() ?? 0
      const checkInterval = lanes?.checkSeconds ?? null
      const works = own > 0 || workers.seen > 0
      return { ...workers, lanes: own, running: works, check_interval: checkInterval, runs: { queued, running, paused } }
    },
  )

  api.post(
    '/worker/process',
    {
      config: { needs: 'admin' },
      schema: {
        ...{ operationId: 'processNow', tags, summary: 'Take one queued run now', response: { 200: processAnswer } },
        description:
          'By the lanes of this very process, which take what waits by themselves, so asking again does no harm. They work for projects that belong ' +
          "to no customer: the paths of a customer's projects are on its own machines, where its own runners do them. With an `Idempotency-Key` a " +
          'repetition gets the same answer once there was one; when the server was killed before, it is answered anew, perhaps with the next run, ' +
          'and no lane does more than it would have done unasked.',
        problems: {
          409: 'All lanes are busy, or this server has none: it was not started by `agent-runner up`.',
        },
      },
    },
    async (request, reply) => {
      if (!lanes) throw new Refusal(409, 'this server has no runner lanes; `agent-runner up` starts one with lanes')
      const { customer } = by(request)
      if (customer) throw new Refusal(403, "the lanes of this server do not work for a customer's projects; its own runners do")
      return onceWaited(context, request, reply, 200, async signal => {
        const taking = await lanes.takeOne(signal)
        if ('refusal' in taking) throw new Refusal(409, taking.refusal)
        return { run_id: taking.runId }
      })
    },
  )

  api.get(
    '/api/v1/mentions',
    {
      config: { needs: 'worker' },
      schema: {
        operationId: 'listMentions',
        tags,
        summary: 'List unread mentions of an agent',
        querystring: mentionQuery,
        response: { 200: z.array(mention) },
      },
    },
    async request => {
      const unread = await plane.mentions.unread(by(request), request.query.agent_id)
      return unread.map(({ id, from, text, taskId }) => ({ id, from, text, task_id: taskId }))
    },
  )

  api.post(
    '/api/v1/mentions/read',
    {
      config: { needs: 'worker' },
      schema: {
        ...{ operationId: 'markMentionsRead', tags, summary: 'Mark mentions of an agent as read', body: mentionsRead },
        response: { 204: noContent('They are read.') },
      },
    },
    async (request, reply) => {
      await once(plane, request, reply, 204, within => within.mentions.markRead(by(request), request.body.agent_id, request.body.ids))
      return reply.send()
    },
  )
}
