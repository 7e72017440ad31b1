import { describe, expect, test } from 'vitest'
import { bench, me, type NewDatabase, refused, told } from './control-plane-fixture.ts'

/** What pause, resume, stop and directive promise. */
export function steeringPromises(newDatabase: NewDatabase): void {
  describe('steering', () => {
    test('a run that waits is paused, resumed and stopped at once', async () => {
      const { create, plane, take, typesOf } = await bench(newDatabase)
      const { id, taskId } = await create()
      expect(await plane.runs.pause(me, id)).toMatchObject({ run: { status: 'PAUSED' }, wishId: null })
      await expect(take()).rejects.toThrow('nothing')
      await refused(plane.runs.pause(me, id), 'RUN_STATE', /PAUSED.*PAUSED/)
      expect(await plane.runs.resume(me, id)).toMatchObject({ run: { status: 'QUEUED' }, wishId: null })
      await refused(plane.runs.resume(me, id), 'RUN_STATE', /QUEUED.*PAUSED/)
      expect(await plane.runs.stop(me, id, 'no need')).toMatchObject({ run: { status: 'STOPPED' }, wishId: null })
      expect((await plane.tasks.get(me, taskId)).status).toBe('cancelled')
      expect(await typesOf(id)).toEqual(['RUN_CREATED', 'RUN_PAUSED', 'RUN_RESUMED', 'RUN_STOPPED'])
    })

    test('of one under work its runner is asked, and the state follows what the runner says', async () => {
      const { create, plane, take, statusOf } = await bench(newDatabase)
      const { id } = await create()
      const { holder } = await take()
      const { wishId, run } = await plane.runs.pause(me, id)
      expect(run.status).toBe('RUNNING')
      expect(await plane.queue.wanted(me, id)).toEqual([{ id: wishId, kind: 'pause', text: '', mode: 'now' }])
      expect(await plane.queue.wanted(me, id, [wishId!])).toEqual([])
      await plane.queue.publish(me, holder, [told(1, 'run_paused', { message: 'as was asked' })])
      expect(await statusOf(id)).toBe('PAUSED')
      expect(await plane.queue.wanted(me, id)).toEqual([])
      const resumed = await plane.runs.resume(me, id)
      expect(await plane.queue.wanted(me, id)).toMatchObject([{ id: resumed.wishId, kind: 'resume' }])
      await plane.queue.publish(me, holder, [told(2, 'run_resumed', { message: '' })])
      expect(await statusOf(id)).toBe('RUNNING')
      expect(await plane.queue.wanted(me, id)).toEqual([])
    })

    test('asking for the same twice is asking once; the opposite can be asked before it is done', async () => {
      const { create, plane, take } = await bench(newDatabase)
      const { id } = await create()
      await take()
      await refused(plane.runs.resume(me, id), 'RUN_STATE', /RUNNING.*PAUSED/)
      const first = await plane.runs.pause(me, id)
      expect((await plane.runs.pause(me, id)).wishId).toBe(first.wishId)
      await plane.runs.resume(me, id)
      await plane.runs.pause(me, id)
      expect((await plane.queue.wanted(me, id)).map(wish => wish.kind)).toEqual(['pause', 'resume', 'pause'])
      const stop = await plane.runs.stop(me, id)
      expect((await plane.runs.stop(me, id)).wishId).toBe(stop.wishId)
    })

    test('what is wished when the work is done already is too late, and that is told', async () => {
      const { create, plane, take, typesOf } = await bench(newDatabase)
      const { id } = await create()
      const { holder, task } = await take()
      await plane.runs.pause(me, id)
      await plane.runs.resume(me, id)
      const wishes = [
        await plane.runs.directive(me, id, { text: 'Use tabs.', mode: 'now' }),
        await plane.runs.pause(me, id),
        await plane.runs.stop(me, id),
      ]
      await plane.queue.conclude(me, holder, task.id, { kind: 'reported', status: 'dev_done', note: '' })
      const late = (await plane.events.ofRun(me, id)).filter(({ data }) => String(data.message).includes('too late'))
      expect(late.map(({ type, data }) => [type, data.wish])).toEqual([
        ['DIRECTIVE', wishes[0]!.wishId],
        ['LOG', wishes[1]!.wishId],
        ['LOG', wishes[2]!.wishId],
      ])
      expect(late[0]!.data.state).toBe('too_late')
      expect((await typesOf(id)).at(-1)).toBe('RUN_COMPLETED')
    })

    test('what was done before the end is not told as too late', async () => {
      const { create, plane, take } = await bench(newDatabase)
      const { id } = await create()
      const { holder, task } = await take()
      const { wishId } = await plane.runs.directive(me, id, { text: 'Use tabs.', mode: 'now' })
      await plane.runs.pause(me, id)
      const started = { attempt: 1, mode: 'fresh', model: 'm', sessionId: 's', pid: 1, deadlineMs: 1, directives: [wishId] }
      await plane.queue.publish(me, holder, [told(1, 'attempt_started', started)])
      await plane.runs.stop(me, id)
      await plane.queue.conclude(me, holder, task.id, { kind: 'stopped', note: '' })
      expect((await plane.events.ofRun(me, id)).filter(({ data }) => String(data.message).includes('too late'))).toEqual([])
    })

    test('a run that its runner has stopped is STOPPED and its task taken out', async () => {
      const { create, plane, take } = await bench(newDatabase)
      const { id, taskId } = await create()
      const { holder } = await take()
      await plane.runs.stop(me, id, 'wrong way')
      expect(await plane.queue.wanted(me, id)).toMatchObject([{ kind: 'stop', text: 'wrong way' }])
      for (let i = 0; i < 2; i++)
        expect(await plane.queue.conclude(me, holder, taskId, { kind: 'stopped', note: 'The work is kept.' })).toBe('reported')
      expect(await plane.runs.get(me, id)).toMatchObject({ status: 'STOPPED' })
      expect(await plane.tasks.get(me, taskId)).toMatchObject({ status: 'cancelled', lockedBy: null, notes: 'dev_1: The work is kept.' })
      expect(await plane.queue.wanted(me, id)).toEqual([])
    })

    test('a directive is kept until an attempt was started with it, and told once', async () => {
      const { create, plane, take, leaseEnds } = await bench(newDatabase)
      const { id } = await create()
      const early = await plane.runs.directive(me, id, { text: 'Use tabs.', mode: 'turn_end' })
      const first = await take()
      const later = await plane.runs.directive(me, id, { text: 'No, spaces.', mode: 'now' })
      await leaseEnds(id)
      await plane.queue.sweep()
      const { holder } = await take({ ...first.task, id: 'dev_2', role: 'fullstack_dev', level: 'senior', labels: undefined })
      expect(await plane.queue.wanted(me, id)).toMatchObject([
        { id: early.wishId, text: 'Use tabs.', mode: 'turn_end' },
        { id: later.wishId, text: 'No, spaces.', mode: 'now' },
      ])
      const started = { attempt: 1, sessionId: 's', model: 'sonnet', directives: [early.wishId] }
      await plane.queue.publish(me, holder, [told(1, 'attempt_started', started)])
      await plane.queue.publish(me, holder, [told(1, 'attempt_started', started), told(2, 'attempt_started', { ...started, attempt: 2 })])
      expect((await plane.queue.wanted(me, id)).map(wish => wish.id)).toEqual([later.wishId])
      const directives = await plane.events.ofRun(me, id, { types: ['DIRECTIVE'] })
      expect(directives.map(event => [event.data.state, event.data.wish])).toEqual([
        ['asked', early.wishId],
        ['asked', later.wishId],
        ['delivered', early.wishId],
      ])
    })

    test('a run that is over can only be tried again: all else is refused and names both states', async () => {
      const { create, plane } = await bench(newDatabase)
      const { id } = await create()
      await plane.runs.stop(me, id)
      await refused(plane.runs.pause(me, id), 'RUN_STATE', /STOPPED.*PAUSED/)
      await refused(plane.runs.resume(me, id), 'RUN_STATE', /STOPPED.*PAUSED/)
      await refused(plane.runs.stop(me, id), 'RUN_STATE', /STOPPED.*STOPPED/)
      await refused(plane.runs.directive(me, id, { text: 'more', mode: 'now' }), 'RUN_STATE', /STOPPED/)
      expect((await plane.runs.retry(me, id)).status).toBe('QUEUED')
    })

    test('news that comes after the end changes no state', async () => {
      const { create, plane, take, statusOf, typesOf } = await bench(newDatabase)
      const { id, taskId } = await create()
      const { holder } = await take()
      await plane.queue.conclude(me, holder, taskId, { kind: 'reported', status: 'dev_done', note: '' })
      await plane.queue.publish(me, holder, [told(1, 'run_paused'), told(2, 'run_finished', { costUsd: 0.25 })])
      expect(await statusOf(id)).toBe('COMPLETED')
      expect((await plane.runs.get(me, id)).costUsd).toBe(0.25)
      expect(await typesOf(id)).toEqual(['RUN_CREATED', 'RUN_STARTED', 'RUN_COMPLETED', 'RUN_PAUSED', 'LOG'])
    })
  })
}
