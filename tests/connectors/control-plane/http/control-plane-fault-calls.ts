import { expect } from 'vitest'
import type { Task } from '../../../../src/core/task.ts'
import type { CallUnderFault, Scene } from '../../../contracts/tracker-fault-calls.ts'
import { never } from '../../../contracts/tracker-fixture.ts'
import { type ControlPlaneFixture, caller } from './control-plane-http-fixture.ts'

type Place = Scene<ControlPlaneFixture>

/** The task's own run, which a person sees and steers. */
async function claimed({ tracker, agent }: Place): Promise<{ task: Task; run: string }> {
  await tracker.register(agent, never())
  const task = await tracker.look(agent, 0, never())
  if (!task?.runId) throw new Error('no task with a run is seen')
  expect(await tracker.claim(agent, task, task.runId, never())).toBe('ours')
  return { task, run: task.runId }
}

const runOf = async ({ fixture, id }: Place) => (await fixture.plane.runs.list(caller, { taskId: id })).items[0]!

/** The calls by which a run is steered and its timeline is sent on. */
export const STEERING_AND_MIRROR: CallUnderFault<ControlPlaneFixture>[] = [
  {
    name: 'wanted',
    async prepare(scene) {
      const { task, run } = await claimed(scene)
      await scene.fixture.plane.runs.directive(caller, run, { text: 'Use tabs.', mode: 'now' })
      return async signal => (await scene.tracker.steering!.wanted(scene.agent, task, run, [], 0, signal)).map(({ text }) => text)
    },
    answer: ['Use tabs.'],
    holds: async scene => expect(await runOf(scene)).toMatchObject({ status: 'RUNNING' }),
  },
  {
    name: 'stopped',
    async prepare(scene) {
      const { task, run } = await claimed(scene)
      await scene.fixture.plane.runs.stop(caller, run)
      return signal => scene.tracker.steering!.stopped(scene.agent, task, { note: `stopped\n\n${run}`, runId: run }, signal)
    },
    answer: 'reported',
    async holds(scene) {
      const { id, status } = await runOf(scene)
      expect(status).toBe('STOPPED')
      expect((await scene.fixture.notesOf(scene.id)).split(id)).toHaveLength(2)
    },
  },
  {
    name: 'publish',
    async prepare(scene) {
      const { run } = await claimed(scene)
      const at = new Date().toISOString()
      const events = [1, 2].map(seq => ({ type: 'warning', message: `word ${seq}`, at, seq, runId: run, agentId: scene.agent.id }) as const)
      return signal => scene.tracker.mirror!.publish(scene.agent, run, events, signal)
    },
    answer: undefined,
    async holds(scene) {
      const events = await scene.fixture.plane.events.ofRun(caller, (await runOf(scene)).id)
      expect(events.flatMap(({ data }) => data.message ?? [])).toEqual(['word 1', 'word 2'])
    },
  },
  {
    name: 'upload',
    async prepare(scene) {
      const { run } = await claimed(scene)
      return signal => scene.tracker.mirror!.upload(scene.agent, run, 'result.json', '{"ok":true}', signal)
    },
    answer: undefined,
    async holds(scene) {
      const kept = await scene.fixture.plane.artifacts.get(caller, (await runOf(scene)).id, 'result.json')
      expect(String(kept?.body)).toBe('{"ok":true}')
    },
  },
]
