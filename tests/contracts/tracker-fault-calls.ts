import { expect } from 'vitest'
import type { Tracker } from '../../src/core/ports/tracker.ts'
import type { AgentIdentity, Task } from '../../src/core/task.ts'
import { never, note, otherRun, runId, type TrackerFixture, times } from './tracker-fixture.ts'

/** Where a call is made: one task, one agent, a client whose way to the server can fail. */
export interface Scene<F extends TrackerFixture = TrackerFixture> {
  fixture: F
  tracker: Tracker
  agent: AgentIdentity
  /** Of the one task. */
  id: string
}

/** A call of the tracker port, what must be true before, what it answers, and what must be true once after it. */
export interface CallUnderFault<F extends TrackerFixture = TrackerFixture> {
  name: string
  /** Makes the scene and hands out the call. */
  prepare(scene: Scene<F>): Promise<(signal: AbortSignal) => Promise<unknown>>
  answer: unknown
  /** The effect is there, and there once, as somebody else sees it. */
  holds(scene: Scene<F>): Promise<void>
}

async function registered({ tracker, agent }: Scene): Promise<void> {
  await tracker.register(agent, never())
}

async function seen(scene: Scene): Promise<Task> {
  await registered(scene)
  const task = await scene.tracker.look(scene.agent, 0, never())
  if (!task) throw new Error('no task is seen')
  return task
}

async function claimed(scene: Scene): Promise<Task> {
  const task = await seen(scene)
  expect(await scene.tracker.claim(scene.agent, task, runId, never())).toBe('ours')
  return task
}

async function stands({ fixture, id }: Scene, status: string, holder: string | null, notes: number) {
  const found = { status: await fixture.statusOf(id), holder: await fixture.holderOf(id), notes: times(await fixture.notesOf(id), runId) }
  expect(found).toEqual({ status, holder, notes })
}

/** The agent can go on from here: it takes the task again, which it cannot when it is unknown or the lock is left closed. */
async function canTake({ fixture, agent }: Scene): Promise<void> {
  const fresh = fixture.tracker()
  const task = await fresh.look(agent, 0, never())
  expect(task && (await fresh.claim(agent, task, otherRun, never()))).toBe('ours')
}

const unread = async ({ fixture, agent }: Scene) => await fixture.tracker().mentions(agent, never())

/** Every call of the port. Looking is one request, so that a wait is not part of what is measured. */
export const CALLS: CallUnderFault[] = [
  {
    name: 'register',
    prepare:
      async ({ tracker, agent }) =>
      signal =>
        tracker.register(agent, signal),
    answer: undefined,
    holds: canTake,
  },
  {
    name: 'look',
    async prepare(scene) {
      await registered(scene)
      return async signal => (await scene.tracker.look(scene.agent, 0, signal))?.title
    },
    answer: 'one',
    async holds(scene) {
      await stands(scene, 'created', null, 0)
      await canTake(scene)
    },
  },
  {
    name: 'claim',
    async prepare(scene) {
      const task = await seen(scene)
      await scene.tracker.holding(scene.agent, task, never())
      return signal => scene.tracker.claim(scene.agent, task, runId, signal)
    },
    answer: 'ours',
    holds: scene => stands(scene, 'under_work', scene.agent.id, 0),
  },
  {
    name: 'holding',
    async prepare(scene) {
      const task = await claimed(scene)
      return signal => scene.tracker.holding(scene.agent, task, signal)
    },
    answer: 'ours',
    holds: scene => stands(scene, 'under_work', scene.agent.id, 0),
  },
  {
    name: 'heartbeat',
    async prepare(scene) {
      const task = await claimed(scene)
      return signal => scene.tracker.heartbeat(scene.agent, task, signal)
    },
    answer: 'ours',
    holds: scene => stands(scene, 'under_work', scene.agent.id, 0),
  },
  {
    name: 'report',
    async prepare(scene) {
      const task = await claimed(scene)
      return signal => scene.tracker.report(scene.agent, task, { status: 'dev_done', note, runId }, signal)
    },
    answer: 'reported',
    holds: scene => stands(scene, 'dev_done', null, 1),
  },
  {
    name: 'giveBack',
    async prepare(scene) {
      const task = await claimed(scene)
      return signal => scene.tracker.giveBack(scene.agent, task, { note, runId }, signal)
    },
    answer: 'reported',
    async holds(scene) {
      await stands(scene, 'created', null, 1)
      await canTake(scene)
    },
  },
  {
    name: 'park',
    async prepare(scene) {
      const task = await claimed(scene)
      return signal => scene.tracker.park(scene.agent, task, { note, runId }, signal)
    },
    answer: 'reported',
    holds: scene => stands(scene, 'pending', null, 1),
  },
  {
    name: 'mentions',
    async prepare(scene) {
      await registered(scene)
      await scene.fixture.mention(scene.agent.id, 'mind the gap', scene.id)
      return async signal => (await scene.tracker.mentions(scene.agent, signal)).map(({ text }) => text.includes('mind the gap'))
    },
    answer: [true],
    holds: async scene => expect(await unread(scene)).toHaveLength(1),
  },
  {
    name: 'markRead',
    async prepare(scene) {
      await registered(scene)
      for (const text of ['one', 'two']) await scene.fixture.mention(scene.agent.id, text, scene.id)
      const ids = (await unread(scene)).map(({ id }) => id)
      expect(ids).toHaveLength(2)
      return signal => scene.tracker.markRead(scene.agent, ids, signal)
    },
    answer: undefined,
    holds: async scene => expect(await unread(scene)).toEqual([]),
  },
  {
    name: 'ping',
    prepare:
      async ({ tracker }) =>
      signal =>
        tracker.ping(signal),
    answer: undefined,
    holds: scene => stands(scene, 'created', null, 0),
  },
]
