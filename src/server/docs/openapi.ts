import { STATUS_CODES } from 'node:http'
import { setImmediate as othersTurn } from 'node:timers/promises'
import type { FastifySchema, RouteOptions } from 'fastify'
import * as z from 'zod'
import { problem } from '../../contract/problem.ts'
import { LIMITS } from '../../core/limits.ts'

type Json = Record<string, unknown>

/** Problems that any route may answer. */
const ALWAYS = {
  421: 'The server is not called by the name in `Host`.',
  429: 'Too many requests; `Retry-After` says when to come back.',
  500: 'Something went wrong inside the server.',
}
/** What a client that adds something may meet besides. */
const FULL =
  '`storage-full`: the customer has stored as much as it may; the end of a run, heartbeats and what tells of a run are never refused for that.'
const NOBODY = { 401: 'No key, or not a good one.', 403: 'The key may not do this.' }
const INVALID = { 400: 'Not JSON.', 422: 'Something is invalid; `errors` names each place.' }

const IDEMPOTENCY_KEY = {
  name: 'Idempotency-Key',
  in: 'header',
  description:
    'Any text, good for a day. The same request with the same key is done once and answered alike; another one with it is a 422.',
  schema: { type: 'string', minLength: 1, maxLength: 200 },
}

const IF_NONE_MATCH = {
  name: 'If-None-Match',
  in: 'header',
  description: 'An ETag: 304 when nothing changed.',
  schema: { type: 'string' },
}

/** The OpenAPI 3.1 document of the routes, from the same schemas that validate; a route at a time, so that nobody has to wait for all of it. */
export async function openapiOf(routes: RouteOptions[], info: { version: string; url?: string }): Promise<Json> {
  const schemas: Json = {}
  const paths: Record<string, Json> = {}
  for (const route of routes) {
    const path = route.url.replace(/:(\w+)/g, '{$1}')
    const method = String(route.method).toLowerCase()
    paths[path] = { ...paths[path], [method]: operation(route, method, schemas) }
    await othersTurn()
  }
  return {
    openapi: '3.1.1',
    info: {
      title: 'Agent Runner',
      version: info.version,
      description:
        'Create, watch, pause, resume, steer and stop runs of coding agents. Times are ISO 8601 UTC. Unknown fields in bodies are ignored, ' +
        'and the header `Ignored-Fields` of the answer names them; unknown keys in queries are refused. ' +
        'Lists are arrays, newest first; `Link: …; rel="next"` leads to the next page, which begins earlier where entries are large. ' +
        'How large, deep and many anything may be stands in `x-limits`. Problems are RFC 9457.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    'x-limits': LIMITS,
    servers: [{ url: '/' }],
    tags: TAGS.map(([name, description]) => ({ name, description })),
    paths,
    components: {
      schemas,
      securitySchemes: {
        bearer: {
          type: 'http',
          scheme: 'bearer',
          description: '`agent-runner keys create` makes keys; the owner of the server has one in the state folder, in `servers/`.',
        },
        apiKey: { type: 'apiKey', in: 'header', name: 'X-API-Key' },
      },
    },
  }
}

/** The tags, in the order of the page. */
const TAGS: [string, string][] = [
  ['projects', 'Repositories that tasks belong to'],
  ['runs', 'Executions of tasks: create, list, steer'],
  ['events', 'What happened, as lists and as a live stream'],
  ['tasks', 'For runners: take work, stay alive, report'],
  ['workers', 'Who works'],
  ['operations', 'Health, metrics, this document'],
]

function operation({ schema = {}, config }: RouteOptions, method: string, schemas: Json): Json {
  const needs = config?.needs ?? 'open'
  const single = method === 'get' && config?.single
  const parameters = [
    ...parametersOf(schema.params, 'path', schemas),
    ...parametersOf(schema.querystring, 'query', schemas),
    ...parametersOf(schema.headers, 'header', schemas),
    ...(method === 'post' && !config?.answersAnew ? [IDEMPOTENCY_KEY] : []),
    ...(single ? [IF_NONE_MATCH] : []),
  ]
  return {
    operationId: schema.operationId,
    tags: schema.tags,
    summary: schema.summary,
    ...(schema.description ? { description: schema.description } : {}),
    ...(parameters.length > 0 ? { parameters } : {}),
    ...bodyOf(schema, schemas),
    responses: responsesOf(schema, { needs, single: single === true, method }, schemas),
    security: needs === 'open' ? [] : [{ bearer: [] }, { apiKey: [] }],
  }
}

function parametersOf(part: unknown, where: string, schemas: Json): Json[] {
  if (!part) return []
  const { properties = {}, required = [] } = jsonSchema(part, 'input', schemas) as {
    properties?: Record<string, Json>
    required?: string[]
  }
  return Object.entries(properties).map(([name, { description, ...schema }]) => ({
    name,
    in: where,
    required: where === 'path' || required.includes(name),
    ...(description ? { description } : {}),
    schema,
  }))
}

function bodyOf({ body, consumes, form }: FastifySchema, schemas: Json): Json {
  if (consumes) return { requestBody: { required: true, content: { [consumes]: { schema: {} } } } }
  if (!body) return {}
  // Where an empty object would do, the body may be left out altogether.
  const required = !form && !(body as z.ZodType).safeParse({}).success
  return { requestBody: { required, content: { 'application/json': { schema: jsonSchema(body, 'input', schemas) } } } }
}

function responsesOf(schema: FastifySchema, about: { needs: string; single: boolean; method: string }, schemas: Json): Json {
  const responses: Json = {}
  for (const [status, answer] of Object.entries((schema.response ?? {}) as Record<string, z.ZodType>)) {
    const list = (answer as z.ZodType).type === 'array'
    responses[status] = {
      description: answer.meta()?.description ?? STATUS_CODES[status] ?? '',
      ...(about.single ? { headers: { ETag: { schema: { type: 'string' } } } } : {}),
      ...(list ? { headers: { Link: { description: '`<…>; rel="next"` when there is more.', schema: { type: 'string' } } } } : {}),
      ...(answer.type === 'void' ? {} : { content: { 'application/json': { schema: jsonSchema(answer, 'output', schemas) } } }),
    }
  }
  for (const [status, { contentType, description }] of Object.entries(schema.produces ?? {}))
    responses[status] = { description, content: { [contentType]: { schema: contentType.startsWith('text/') ? { type: 'string' } : {} } } }
  if (about.single) responses[304] = { description: 'Nothing changed since the ETag.' }
  const problems: Record<string, string> = {
    ...(schema.body ? INVALID : about.needs === 'open' ? {} : { 422: INVALID[422] }),
    ...(about.needs === 'open' ? {} : NOBODY),
    ...ALWAYS,
    ...schema.problems,
    ...(about.needs !== 'open' && (schema.body || schema.consumes) && { 409: [schema.problems?.[409], FULL].filter(Boolean).join(' ') }),
  }
  for (const [status, description] of Object.entries(problems))
    responses[status] = { description, content: { 'application/problem+json': { schema: jsonSchema(problem, 'output', schemas) } } }
  return responses
}

/** A zod schema as JSON Schema 2020-12. What has an id becomes a component and a reference to it. */
function jsonSchema(schema: unknown, io: 'input' | 'output', schemas: Json): Json {
  const {
    $schema: _,
    $defs = {},
    ...json
  } = z.toJSONSchema(schema as z.ZodType, {
    io,
    unrepresentable: 'any',
    override: ({ jsonSchema }) => {
      // What is there can grow: readers must pass over what they do not know, and bodies may hold more than is read.
      if (jsonSchema.additionalProperties === false) delete jsonSchema.additionalProperties
    },
  }) as Json
  for (const [name, definition] of Object.entries($defs as Json)) schemas[name] = relinked(definition)
  return relinked(json) as Json
}

function relinked(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(relinked)
  if (value === null || typeof value !== 'object') return value
  const entries = Object.entries(value).map(([key, inner]) => [key, key === '$ref' ? linkOf(String(inner)) : relinked(inner)])
  return Object.fromEntries(entries)
}

const linkOf = (ref: string) => ref.replace('#/$defs/', '#/components/schemas/')
