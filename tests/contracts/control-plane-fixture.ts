import { expect, onTestFinished } from 'vitest'
import { type Caller, type ControlPlane, type ControlPlaneOptions, openControlPlane } from '../../src/board/control-plane.ts'
import type { RunDraft } from '../../src/board/runs/runs.ts'
import type { StampedEvent } from '../../src/core/event.ts'
import type { Level } from '../../src/core/task.ts'

/** A database of a test's own. */
export interface Database {
  url: string
  /** Asks it something past the control plane, as another program would. */
  ask(sql: string): Promise<Record<string, unknown>[]>
  /** How it would answer a query, in its own words. */
  plan(sql: string, parameters: readonly unknown[]): Promise<string>
}

/** Makes a new empty database. */
export type NewDatabase = () => Promise<Database>

/** Somebody without a customer of a name, as on a loopback address. */
export const me: Caller = { customer: '', name: 'user' }
export const dev = (id = 'dev_1', more: { level?: Level; role?: string; labels?: string[] } = {}) => ({
  id,
  role: more.role ?? 'fullstack_dev',
  level: more.level ?? ('senior' as const),
  labels: more.labels,
})
export const qa = (id = 'qa_1') => dev(id, { role: 'qa' })

/** A control plane with one project, in a new database; closed when the test has finished. */
export async function bench(newDatabase: NewDatabase, options: ControlPlaneOptions = {}) {
  const database = await newDatabase()
  const open = async (more: ControlPlaneOptions = options): Promise<ControlPlane> => {
    const plane = await openControlPlane(database.url, more)
    onTestFinished(() => plane.close())
    // As a server does at its start: from here on it is told how much of a lease is left.
    await plane.queue.sweep()
    return plane
  }
  const plane = await open()
  const project = await plane.projects.create(me, { name: 'shop', localPath: '/srv/shop' })
  const create = (goal = 'Fix the login', more: Partial<RunDraft> = {}) => plane.runs.create(me, { projectId: project.id, goal, ...more })

  /** Takes the next run for an agent and answers all that it needs as its holder. */
  async function take(agent = dev(), where: Parameters<ControlPlane['queue']['next']>[2] = {}) {
    const claimed = await plane.queue.next(me, agent, where)
    if (!claimed) throw new Error(`there is nothing for ${agent.id}`)
    return { ...claimed, holder: { agentId: agent.id, runId: claimed.run.id, epoch: claimed.lease.epoch } }
  }

  return {
    database,
    open,
    plane,
    project,
    create,
    take,
    statusOf: async (runId: string) => (await plane.runs.get(me, runId)).status,
    typesOf: async (runId: string) => (await plane.events.ofRun(me, runId, { limit: 1_000 })).map(event => event.type),
    /** The lease of a run is over from now on. */
    leaseEnds: (runId: string) => database.ask(`update runs set lease_until = 1 where id = '${runId}'`),
  }
}

/** A runner's event as it is sent. */
export const told = (seq: number, type: string, more: Record<string, unknown> = {}) =>
  ({
    at: `2026-01-01T00:00:${String(seq % 60).padStart(2, '0')}.000Z`,
    seq,
    runId: null,
    agentId: 'dev_1',
    type,
    ...more,
  }) as unknown as StampedEvent

/** The promise is refused with this code. */
export const refused = (promise: Promise<unknown>, code: string, message: string | RegExp = /./) =>
  expect(promise).rejects.toMatchObject({ code, message: expect.stringMatching(message) })
