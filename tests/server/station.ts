import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { type ControlPlaneOptions, openControlPlane } from '../../src/board/control-plane.ts'
import { type ServerOptions, startServer } from '../../src/server/server.ts'
import { tempFolder } from '../support/temp.ts'
import { type Answer, type Ask, ask } from './ask.ts'
import { type ApiDocument, checkAnswer } from './docs/document.ts'

interface StationOptions extends Partial<ServerOptions> {
  plane?: ControlPlaneOptions
}

/** JSON or nothing, a key, and what else a request has. */
export interface Call extends Omit<Ask, 'body'> {
  json?: unknown
  text?: string
  key?: string
}

export type Station = Awaited<ReturnType<typeof station>>

/** A server over a database of its own, open to this machine unless a test says otherwise. Every answer is held to the document that the server itself gives. */
export async function station({ plane: planeOptions, ...options }: StationOptions = {}) {
  const plane = options.controlPlane ?? (await openControlPlane(join(tempFolder(), 'agent-runner.db'), planeOptions))
  const faults: string[] = []
  const server = await startServer({
    ...{ controlPlane: plane, host: '127.0.0.1', port: 0, version: '1.2.3', openToThisMachine: true },
    onFault: (error, where) => faults.push(`${where}: ${error instanceof Error ? error.stack : error}`),
    ...options,
  })
  let closed: Promise<void> | undefined
  const close = () => {
    closed ??= server.close()
    return closed
  }
  onTestFinished(async () => {
    await close()
    if (!options.controlPlane) await plane.close()
  })
  const document = (await ask(`${server.url}/openapi.json`)).json as ApiDocument
  const called = new Set<string>()

  async function call(method: string, path: string, { json, text, key, headers = {} }: Call = {}): Promise<Answer> {
    const type = json !== undefined ? 'application/json' : text !== undefined ? 'text/plain' : undefined
    const answer = await ask(`${server.url}${path}`, {
      method,
      headers: { ...(type && { 'content-type': type }), ...(key && { authorization: `Bearer ${key}` }), ...headers },
      body: json !== undefined ? JSON.stringify(json) : text,
    })
    called.add(checkAnswer(document, method, path, answer))
    return answer
  }

  return {
    ...{ plane, url: server.url, owner: server.owner, document, faults, called, call, close },
    get: (path: string, more?: Call) => call('GET', path, more),
    post: (path: string, json?: unknown, more?: Call) => call('POST', path, { ...more, json }),
    /** A key of a kind. */
    key: async (kind: 'admin' | 'worker' | 'read', customer: string | null = 'acme') =>
      (await plane.keys.create({ kind, customer, name: kind })).key,
    /** A project with nothing in it. */
    async project(name = 'shop', more: Call = {}): Promise<string> {
      return (await call('POST', '/projects', { ...more, json: { name, local_path: `/srv/${name}` } })).json.id
    },
    /** A QUEUED run. */
    async run(project: string, goal = 'Mend it', draft: object = {}, more: Call = {}) {
      return (await call('POST', '/runs', { ...more, json: { project_id: project, goal, role: 'backend_dev', ...draft } })).json
    },
  }
}

/** The words by which a runner asks for work. */
export const DEV = { agent_id: 'dev_1', role: 'backend_dev', level: 'senior' } as const
export const waitingPoll = (seconds: number) =>
  `/api/v1/tasks/poll?agent_id=${DEV.agent_id}&role=${DEV.role}&level=${DEV.level}&wait=${seconds}`
export const POLL = waitingPoll(0)
