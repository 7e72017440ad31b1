import { directive, run, stopRequest, wishAnswer } from '../../contract/run.ts'
import type { ApiServer } from '../door/server-types.ts'
import { type ApiContext, by, idParam } from './context.ts'
import { once } from './once.ts'
import { runShape } from './shapes.ts'

const tags = ['runs']
const config = { needs: 'admin' } as const
const problems = { 404: 'There is no such run.', 409: 'The run is in a state in which this cannot be; both are named.' }

/** `/runs/{id}/pause` and the like: what somebody wants of a run. */
export function runControlRoutes(api: ApiServer, { plane }: ApiContext): void {
  const shape = ({ run, wishId }: { run: Parameters<typeof runShape>[0]; wishId: string | null }) => ({
    run: runShape(run),
    wish_id: wishId,
  })

  for (const [verb, summary, description] of [
    [
      'pause',
      'Pause a run',
      'The agent is ended gently; session and workspace are kept. An event tells when it is done, or that it came too late.',
    ],
    ['resume', 'Resume a paused run', "The agent's session goes on where it was. An event tells when it is done."],
  ] as const) {
    api.post(
      `/runs/:id/${verb}`,
      {
        config,
        schema: { operationId: `${verb}Run`, tags, summary, description, params: idParam, response: { 202: wishAnswer }, problems },
      },
      (request, reply) => once(plane, request, reply, 202, async within => shape(await within.runs[verb](by(request), request.params.id))),
    )
  }

  api.post(
    '/runs/:id/stop',
    {
      config,
      schema: {
        ...{ operationId: 'stopRun', tags, summary: 'Stop a run for good', params: idParam, body: stopRequest },
        description: 'Its work is kept, its task is cancelled. An event tells when it is done, or that it came too late.',
        response: { 202: wishAnswer },
        problems,
      },
    },
    (request, reply) =>
      once(plane, request, reply, 202, async within => shape(await within.runs.stop(by(request), request.params.id, request.body.reason))),
  )

  api.post(
    '/runs/:id/directive',
    {
      config,
      schema: {
        ...{ operationId: 'directRun', tags, summary: 'Tell the agent something', params: idParam, body: directive },
        description: 'An event tells when it was delivered, or that it came too late. It survives a crash of runner or server.',
        response: { 202: wishAnswer },
        problems,
      },
    },
    (request, reply) =>
      once(plane, request, reply, 202, async within => shape(await within.runs.directive(by(request), request.params.id, request.body))),
  )

  api.post(
    '/runs/:id/retry',
    {
      config,
      schema: {
        ...{ operationId: 'retryRun', tags, summary: 'Run the same task anew', params: idParam },
        description: 'A new run of the task of one that is over.',
        response: { 201: run },
        problems: { ...problems, 409: 'The run is not over yet, or another one of the task is under way.' },
      },
    },
    async (request, reply) => {
      const made = await once(plane, request, reply, 201, async within => runShape(await within.runs.retry(by(request), request.params.id)))
      return reply.header('location', `/runs/${made.id}`).send(made)
    },
  )
}
