import { describe, expect, test } from 'vitest'
import { dev, never, note, otherRun, runId, type TrackerBench } from './tracker-fixture.ts'

/** What claiming, and asking how a task stands, promise. */
export function claimingPromises({ claimed, picture, seen, start, takenOver }: TrackerBench): void {
  describe('claiming', () => {
    test('a claim locks the task for us and marks it under work', async () => {
      const { fixture, task } = await claimed()
      expect(await picture(fixture, task.id)).toEqual({ status: 'under_work', notes: '', holder: 'dev_1' })
    })

    test('of two agents that claim at once exactly one gets it', async () => {
      const fixture = await start({ title: 'one' })
      const agents = [dev('dev_1'), dev('dev_2'), dev('dev_3')]
      const trackers = agents.map(() => fixture.tracker())
      for (const [i, agent] of agents.entries()) await trackers[i]!.register(agent, never())
      const task = await seen(trackers[0]!, agents[0]!)
      const claims = await Promise.all(agents.map((agent, i) => trackers[i]!.claim(agent, task, `${runId}${i}`, never())))
      expect(claims.filter(claim => claim === 'ours')).toHaveLength(1)
      expect(await picture(fixture, task.id)).toEqual({ status: 'under_work', notes: '', holder: agents[claims.indexOf('ours')]!.id })
    })

    test('claiming what is already ours answers ours, also by a fresh client', async () => {
      const { fixture, tracker, agent, task } = await claimed()
      const before = await picture(fixture, task.id)
      expect(await tracker.claim(agent, task, runId, never())).toBe('ours')
      expect(await fixture.tracker().claim(agent, task, runId, never())).toBe('ours')
      expect(await picture(fixture, task.id)).toEqual(before)
    })

    test("claiming another's task is taken and changes nothing", async () => {
      const { fixture, task } = await claimed()
      const before = await picture(fixture, task.id)
      const [other, theirs] = [dev('dev_2'), fixture.tracker()]
      await theirs.register(other, never())
      expect(await theirs.claim(other, task, otherRun, never())).toBe('taken')
      expect(await picture(fixture, task.id)).toEqual(before)
    })

    test('what was finished, parked or deleted since we looked is taken and stays as it is', async () => {
      const fixture = await start({ title: 'one' })
      const [tracker, agent] = [fixture.tracker(), dev('dev_1')]
      await tracker.register(agent, never())
      const task = await seen(tracker, agent)
      for (const status of ['dev_done', 'pending']) {
        await fixture.move(task.id, status)
        expect(await tracker.claim(agent, task, runId, never())).toBe('taken')
        expect(await picture(fixture, task.id)).toEqual({ status, notes: '', holder: null })
      }
      await fixture.remove(task.id)
      expect(await tracker.claim(agent, task, runId, never())).toBe('taken')
    })

    test('after our lock has expired the task can be claimed again', async () => {
      const { fixture, tracker, agent, task } = await claimed()
      await fixture.expire(agent.id)
      await tracker.register(agent, never())
      expect(await tracker.holding(agent, task, never())).toBe('free')
      expect(await tracker.claim(agent, task, runId, never())).toBe('ours')
      expect(await picture(fixture, task.id)).toEqual({ status: 'under_work', notes: '', holder: 'dev_1' })
    })
  })

  describe('holding', () => {
    test('it is free before the claim and ours after it', async () => {
      const fixture = await start({ title: 'one' })
      const [tracker, agent] = [fixture.tracker(), dev('dev_1')]
      await tracker.register(agent, never())
      const task = await seen(tracker, agent)
      expect(await tracker.holding(agent, task, never())).toBe('free')
      await tracker.claim(agent, task, runId, never())
      expect(await tracker.holding(agent, task, never())).toBe('ours')
      expect(await fixture.tracker().holding(agent, task, never())).toBe('ours')
    })

    test('it is someone_else when another agent has taken it over', async () => {
      const { fixture, tracker, agent, task } = await claimed()
      await takenOver(fixture, agent, task)
      expect(await tracker.holding(agent, task, never())).toBe('someone_else')
      expect(await tracker.heartbeat(agent, task, never())).toBe('someone_else')
    })

    test.each(['dev_done', 'pending', 'committed'])('it is finished when somebody has moved it to %s', async status => {
      const { fixture, tracker, agent, task } = await claimed()
      await fixture.move(task.id, status)
      expect(await tracker.holding(agent, task, never())).toBe('finished')
      expect(await tracker.heartbeat(agent, task, never())).toBe('finished')
    })

    test('for QA a dev_done task is free, and one sent back is finished', async () => {
      const fixture = await start({ title: 'one', status: 'dev_done' })
      const [tracker, qa] = [fixture.tracker(), dev('qa_1', 'senior', 'qa')]
      await tracker.register(qa, never())
      const task = await seen(tracker, qa)
      expect(await tracker.holding(qa, task, never())).toBe('free')
      await fixture.move(task.id, 'created')
      expect(await tracker.holding(qa, task, never())).toBe('finished')
    })

    test('a task that was deleted, or never was, is gone', async () => {
      const { fixture, tracker, agent, task } = await claimed()
      await fixture.remove(task.id)
      expect(await tracker.holding(agent, task, never())).toBe('gone')
      expect(await tracker.holding(agent, { ...task, id: '987654' }, never())).toBe('gone')
      expect(await tracker.report(agent, task, { status: 'dev_done', note, runId }, never())).toBe('lost')
    })

    test('a heartbeat keeps the task and changes nothing on it', async () => {
      const { fixture, tracker, agent, task } = await claimed()
      const before = await picture(fixture, task.id)
      expect(await tracker.heartbeat(agent, task, never())).toBe('ours')
      expect(await tracker.heartbeat(agent, task, never())).toBe('ours')
      expect(await picture(fixture, task.id)).toEqual(before)
    })
  })
}
