import * as z from 'zod'
import { noContent } from '../../contract/parts.ts'
import { project, projectChange, projectDraft, projectForm, projectList } from '../../contract/project.ts'
import { Refusal } from '../door/problem.ts'
import type { ApiServer } from '../door/server-types.ts'
import { type ApiContext, by, idParam, type Lanes } from './context.ts'
import { once } from './once.ts'
import { linkNext, pageOf } from './paging.ts'
import { projectShape } from './shapes.ts'

const tags = ['projects']
const unknown = { 404: 'There is no such project.' }

/** `/projects`: the repositories that tasks belong to. */
export function projectRoutes(api: ApiServer, context: ApiContext): void {
  for (const add of [createProject, listProjects, showProject, changeProject, deleteProject]) add(api, context)
}

function createProject(api: ApiServer, { plane, lanes }: ApiContext): void {
  api.post(
    '/projects',
    {
      config: { needs: 'admin' },
      schema: {
        ...{ operationId: 'createProject', tags, summary: 'Make a project' },
        description:
          '`name` and `local_path` come in the body, or as a form in the query: `POST /projects?name=shop&local_path=/srv/shop`.',
        querystring: projectForm,
        body: projectDraft,
        form: query => query,
        response: { 201: project },
        problems: { 409: 'There is one of this name already.' },
      },
    },
    async (request, reply) => {
      const draft = request.body
      const { customer } = by(request)
      if (customer !== null && draft.customer !== undefined && draft.customer !== customer)
        throw new Refusal(403, "the key may not make another customer's projects")
      refuseUnusable(lanes, draft.local_path, draft.customer ?? customer)
      const made = await once(plane, request, reply, 201, async within =>
        projectShape(
          await within.projects.create(by(request), {
            name: draft.name,
            localPath: draft.local_path,
            description: draft.description,
            maxRunning: draft.max_running,
            customer: draft.customer,
          }),
        ),
      )
      return reply.header('location', `/projects/${made.id}`).send(made)
    },
  )
}

function listProjects(api: ApiServer, { plane }: ApiContext): void {
  api.get(
    '/projects',
    {
      config: { needs: 'read' },
      schema: {
        operationId: 'listProjects',
        tags,
        summary: 'List projects',
        querystring: projectList,
        response: { 200: z.array(project) },
      },
    },
    async (request, reply) => {
      const { name, local_path } = request.query
      const { items, next } = await plane.projects.list(by(request), { ...pageOf(request.query), name, localPath: local_path })
      linkNext(request, reply, next)
      return items.map(projectShape)
    },
  )
}

function showProject(api: ApiServer, { plane }: ApiContext): void {
  api.get(
    '/projects/:id',
    {
      config: { needs: 'read', single: true },
      schema: {
        operationId: 'getProject',
        tags,
        summary: 'Show a project',
        params: idParam,
        response: { 200: project },
        problems: unknown,
      },
    },
    async request => projectShape(await plane.projects.get(by(request), request.params.id)),
  )
}

function changeProject(api: ApiServer, { plane, lanes }: ApiContext): void {
  api.patch(
    '/projects/:id',
    {
      config: { needs: 'admin' },
      schema: {
        ...{ operationId: 'changeProject', tags, summary: 'Change a project', description: 'Fields that are left out stay as they are.' },
        params: idParam,
        body: projectChange,
        response: { 200: project },
        problems: { ...unknown, 409: 'There is another one of this name.' },
      },
    },
    async request => {
      const { name, local_path, description, max_running } = request.body
      refuseUnusable(lanes, local_path, by(request).customer)
      const change = { name, localPath: local_path, description, maxRunning: max_running }
      return projectShape(await plane.projects.change(by(request), request.params.id, change))
    },
  )
}

function deleteProject(api: ApiServer, { plane, closing }: ApiContext): void {
  api.delete(
    '/projects/:id',
    {
      config: { needs: 'admin' },
      schema: {
        ...{
          operationId: 'deleteProject',
          tags,
          summary: 'Delete a project',
          description:
            'With its tasks, runs and their timelines. It is gone for everybody at once; the answer comes when all of it is deleted, and a server that is ended before goes on with it at its next start.',
        },
        params: idParam,
        response: { 204: noContent('It is gone.') },
        problems: { ...unknown, 409: 'A run of it is not over.' },
      },
    },
    async (request, reply) => {
      await plane.projects.remove(by(request), request.params.id, closing)
      return reply.code(204).send()
    },
  )
}

/** The lanes of this process work on this machine, so a path can be checked; the paths of a customer's runners are on other machines. */
function refuseUnusable(lanes: Lanes | null, localPath: string | undefined, customer: string | null | undefined): void {
  const message = localPath === undefined || customer ? null : (lanes?.refusalOf(localPath) ?? null)
  if (message !== null) throw new Refusal(422, `body local_path: ${message}`, { errors: [{ in: 'body', path: 'local_path', message }] })
}
