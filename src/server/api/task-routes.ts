import * as z from 'zod'
import { nameFrom } from '../../board/runs/run-rows.ts'
import { statusesOf } from '../../contract/run-states.ts'
import { task, taskDraft, taskList } from '../../contract/task.ts'
import type { ApiServer } from '../door/server-types.ts'
import { type ApiContext, by, idParam } from './context.ts'
import { once } from './once.ts'
import { linkNext, pageOf } from './paging.ts'
import { taskShape } from './shapes.ts'

const tags = ['tasks']
const unknown = { 404: 'There is no such task.' }

/** `/api/v1/tasks`: the queue as runners and programs see it. */
export function taskRoutes(api: ApiServer, { plane }: ApiContext): void {
  api.post(
    '/api/v1/tasks',
    {
      config: { needs: 'worker' },
      schema: {
        ...{ operationId: 'createTask', tags, summary: 'Add a task to the queue', body: taskDraft, response: { 201: task } },
        problems: { 404: 'There is no such project, or a task that it depends on is not there.' },
      },
    },
    async (request, reply) => {
      const made = await once(plane, request, reply, 201, async within => {
        const { project_id, title, acceptance_criteria, depends_on, max_cost_usd, ...draft } = request.body
        const own = {
          title: title ?? nameFrom(draft.description),
          projectId: project_id,
          criteria: acceptance_criteria,
          dependsOn: depends_on,
          maxCostUsd: max_cost_usd,
        }
        return taskShape(await within.tasks.add(by(request), { ...draft, ...own }))
      })
      return reply.header('location', `/api/v1/tasks/${made.id}`).send(made)
    },
  )

  api.get(
    '/api/v1/tasks',
    {
      config: { needs: 'read' },
      schema: { operationId: 'listTasks', tags, summary: 'List tasks', querystring: taskList, response: { 200: z.array(task) } },
    },
    async (request, reply) => {
      const { project_id, status, state, role } = request.query
      const statuses = status ? [status] : state && statusesOf(state)
      const { items, next } = await plane.tasks.list(by(request), {
        ...pageOf(request.query),
        role,
        projectId: project_id,
        status: statuses,
      })
      linkNext(request, reply, next)
      return items.map(taskShape)
    },
  )

  api.get(
    '/api/v1/tasks/:id',
    {
      config: { needs: 'read', single: true },
      schema: { operationId: 'getTask', tags, summary: 'Show a task', params: idParam, response: { 200: task }, problems: unknown },
    },
    async request => taskShape(await plane.tasks.get(by(request), request.params.id)),
  )

  for (const [verb, summary] of [
    ['cancel', 'Take a task out for good; a runner at work on it is stopped'],
    ['requeue', 'Put a parked or cancelled task back into the queue'],
  ] as const) {
    api.post(
      `/api/v1/tasks/:id/${verb}`,
      {
        config: { needs: 'admin' },
        schema: { operationId: `${verb}Task`, tags, summary, params: idParam, response: { 200: task }, problems: unknown },
      },
      (request, reply) =>
        once(plane, request, reply, 200, async within => taskShape(await within.tasks[verb](by(request), request.params.id))),
    )
  }
}
