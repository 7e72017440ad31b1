import type { FastifyRequest } from 'fastify'
import * as z from 'zod'
import type { ControlPlane } from '../../board/control-plane.ts'
import { artifact, run, runDraft, runForm, runList } from '../../contract/run.ts'
import { Refusal } from '../door/problem.ts'
import type { ApiServer } from '../door/server-types.ts'
import { type ApiContext, by, idParam } from './context.ts'
import { once } from './once.ts'
import { linkNext, pageOf } from './paging.ts'
import { runShape } from './shapes.ts'

const tags = ['runs']
const unknown = { 404: 'There is no such run.' }

/** `/runs`: to make them, to look at them, and what they left. */
export function runRoutes(api: ApiServer, context: ApiContext): void {
  for (const add of [createRun, listRuns, showRun, listRunArtifacts, readArtifact, readDiff]) add(api, context)
}

function createRun(api: ApiServer, { plane }: ApiContext): void {
  api.post(
    '/runs',
    {
      config: { needs: 'admin' },
      schema: {
        ...{ operationId: 'createRun', tags, summary: 'Make a task and a run of it' },
        description:
          'The run is `QUEUED` until a runner with a fitting role, level and labels takes it. The fields come in the body, or the simple ones as a form ' +
          'in the query: `POST /runs?goal=Fix+the+login&model=sonnet`.',
        querystring: runForm,
        body: runDraft,
        form: query => query,
        response: { 201: run },
        problems: { 404: 'There is no such project, or a task that it depends on is not there.' },
      },
    },
    async (request, reply) => {
      const made = await once(plane, request, reply, 201, async within => {
        const { project_id, run_type, acceptance_criteria, depends_on, max_cost_usd, ...draft } = request.body
        return runShape(
          await within.runs.create(by(request), {
            ...draft,
            projectId: project_id,
            runType: run_type,
            criteria: acceptance_criteria,
            dependsOn: depends_on,
            maxCostUsd: max_cost_usd,
          }),
        )
      })
      return reply.header('location', `/runs/${made.id}`).send(made)
    },
  )
}

function listRuns(api: ApiServer, { plane }: ApiContext): void {
  api.get(
    '/runs',
    {
      config: { needs: 'read' },
      schema: { operationId: 'listRuns', tags, summary: 'List runs', querystring: runList, response: { 200: z.array(run) } },
    },
    async (request, reply) => {
      const { project_id, task_id, status, text } = request.query
      const { items, next } = await plane.runs.list(by(request), {
        ...pageOf(request.query),
        status,
        text,
        projectId: project_id,
        taskId: task_id,
      })
      linkNext(request, reply, next)
      return items.map(runShape)
    },
  )
}

function showRun(api: ApiServer, { plane }: ApiContext): void {
  api.get(
    '/runs/:id',
    {
      config: { needs: 'read', single: true },
      schema: { operationId: 'getRun', tags, summary: 'Show a run', params: idParam, response: { 200: run }, problems: unknown },
    },
    async request => runShape(await plane.runs.get(by(request), request.params.id)),
  )
}

function listRunArtifacts(api: ApiServer, { plane }: ApiContext): void {
  api.get(
    '/runs/:id/artifacts',
    {
      config: { needs: 'read' },
      schema: {
        ...{ operationId: 'listArtifacts', tags, summary: 'List what a run left', params: idParam },
        response: { 200: z.array(artifact) },
        problems: unknown,
      },
    },
    async request => {
      const found = await plane.artifacts.list(by(request), request.params.id)
      return found.map(({ name, contentType, size, createdAt }) => ({ name, content_type: contentType, size, created_at: createdAt }))
    },
  )
}

function readArtifact(api: ApiServer, { plane }: ApiContext): void {
  api.get(
    '/runs/:id/artifacts/:name',
    {
      config: { needs: 'read', single: true },
      schema: {
        ...{ operationId: 'getArtifact', tags, summary: 'Read one file that a run left' },
        params: idParam.extend({ name: z.string().max(200) }),
        produces: { 200: { contentType: 'text/plain', description: 'The file, whatever it holds, as plain text.' } },
        problems: { 404: 'There is no such run, or no such file of it.' },
      },
    },
    async (request, reply) => reply.type(PLAIN).send(await fileOf(plane, request, request.params.name)),
  )
}

function readDiff(api: ApiServer, { plane }: ApiContext): void {
  api.get(
    '/runs/:id/diff',
    {
      config: { needs: 'read', single: true },
      schema: {
        ...{ operationId: 'getDiff', tags, summary: 'Read the diff of a run', params: idParam },
        produces: { 200: { contentType: 'text/plain', description: 'As `git diff` writes it.' } },
        problems: { 404: 'There is no such run, or its runner has kept the diff at home.' },
      },
    },
    async (request, reply) => reply.type(PLAIN).send(await fileOf(plane, request, 'diff.patch')),
  )
}

/** Send the stored bytes: to decode and encode millions of characters takes ten times as long. */
async function fileOf(plane: ControlPlane, request: FastifyRequest & { params: { id: string } }, name: string): Promise<Buffer> {
  const found = await plane.artifacts.get(by(request), request.params.id, name)
  if (found === null) throw new Refusal(404, `the run left no ${JSON.stringify(name)}`)
  return found.body
}

/** A browser must not take anything that a runner sent for a page. */
const PLAIN = 'text/plain; charset=utf-8'
