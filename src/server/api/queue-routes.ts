import type { Claimed } from '../../board/queue/queue.ts'
import { workOf } from '../../board/queue/waiting-room.ts'
import type { BoardTask } from '../../board/tasks/task-rows.ts'
import { noContent } from '../../contract/parts.ts'
import { claimAnswer, claimRequest, holdingAnswer, holdingQuery, poll, polled } from '../../contract/worker.ts'
import { newAgentId } from '../../core/ids.ts'
import type { ApiServer } from '../door/server-types.ts'
import { type ApiContext, by, gone, idParam } from './context.ts'
import { once } from './once.ts'
import { runShape, taskShape } from './shapes.ts'

const tags = ['tasks']

/** `/api/v1/tasks/poll` and the like: how runners come to work. */
export function queueRoutes(api: ApiServer, { plane, closing }: ApiContext): void {
  api.get(
    '/api/v1/tasks/poll',
    {
      config: { needs: 'worker' },
      schema: {
        ...{
          operationId: 'pollTasks',
          tags,
          summary: 'Take the next task',
          querystring: poll,
          response: { 200: polled, 204: noContent('No task fits.') },
        },
        description:
          'Waits up to `wait` seconds for a task that fits role, level and labels, and takes it in one step; what the worker holds already comes ' +
          'first. With `peek=true` it only looks. Without an `agent_id` the worker gets one for this task, which stands in `run.agent_id`.',
        problems: { 404: 'There is no such project.' },
      },
    },
    async (request, reply) => {
      const { role, level, labels, machine, project_id, wait, peek, run_id } = request.query
      // Give each poll a name of its own: two polls without one must not get the same task.
      const agent_id = request.query.agent_id ?? newAgentId()
      const claimer = { id: agent_id, role, level, labels, machine }
      const where = { projectId: project_id, runId: run_id }
      const caller = by(request)
      // The customer whose queue it is: that of the project, if the caller sees all customers.
      const owner = caller.customer ?? (project_id === undefined ? '' : (await plane.projects.get(caller, project_id)).customer)
      const concern = { topic: workOf(owner), group: JSON.stringify([project_id, role, level, labels, peek]) }
      const found = await plane.wait(concern, wait * 1_000, gone(reply, closing), async () => {
        if (!peek) return plane.queue.next(caller, claimer, where)
        const task = await plane.queue.look(caller, claimer, where)
        return task && { task, run: null, lease: null }
      })
      if (!found) return reply.code(204).send()
      return polledShape(found)
    },
  )

  api.post(
    '/api/v1/tasks/:id/claim',
    {
      config: { needs: 'worker' },
      schema: {
        ...{
          operationId: 'claimTask',
          tags,
          summary: 'Take this task',
          params: idParam,
          body: claimRequest,
          response: { 200: claimAnswer },
        },
        description: 'Of any number of claims one is `ours`, the others are `taken`. Claiming what one holds already is `ours` again.',
      },
    },
    (request, reply) =>
      once(plane, request, reply, 200, async within => {
        const { agent_id, role, level, labels, host, machine, run_id } = request.body
        const claimer = { id: agent_id, role, level, labels, host, machine }
        const won = await within.queue.claim(by(request), claimer, request.params.id, run_id)
        return won
          ? { claim: 'ours' as const, run: runShape(won.run), lease: won.lease }
          : { claim: 'taken' as const, run: null, lease: null }
      }),
  )

  api.get(
    '/api/v1/tasks/:id/holding',
    {
      config: { needs: 'worker' },
      schema: {
        ...{ operationId: 'getHolding', tags, summary: 'Ask how a task stands with regard to an agent' },
        params: idParam,
        querystring: holdingQuery,
        response: { 200: holdingAnswer },
      },
    },
    async request => {
      const { agent_id, role, level, machine } = request.query
      return { holding: await plane.queue.holding(by(request), { id: agent_id, role, level, machine }, request.params.id) }
    },
  )
}

function polledShape({ task, run, lease }: Claimed | { task: BoardTask; run: null; lease: null }) {
  return { task: taskShape(task), run: run && runShape(run), lease }
}
