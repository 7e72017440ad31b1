import { describe, expect, test } from 'vitest'
import { waitFor } from '../support/wait-for.ts'
import { bench, dev, me, type NewDatabase, refused, told } from './control-plane-fixture.ts'

/** What leases promise. */
export function leasePromises(newDatabase: NewDatabase): void {
  describe('a lease', () => {
    test('is over when nobody renews it: the run waits again, one attempt later, with its history', async () => {
      const { create, plane, take, typesOf } = await bench(newDatabase, { leaseMs: 1 })
      const { id, taskId } = await create()
      const first = await take()
      await plane.queue.publish(me, first.holder, [told(1, 'agent_text', { text: 'hello' })])
      await waitFor('the lease to be over', async () => (await plane.queue.sweep()) === 1)
      expect(await plane.runs.get(me, id)).toMatchObject({ status: 'QUEUED', attempt: 2, leaseUntil: null, workerId: null })
      expect(await plane.tasks.get(me, taskId)).toMatchObject({ status: 'created', lockedBy: null, runId: id })
      expect(await typesOf(id)).toEqual(['RUN_CREATED', 'RUN_STARTED', 'LOG', 'RUN_RECOVERED'])
    })

    test('that was over is a new one for who takes the run then', async () => {
      const { create, plane, take, leaseEnds } = await bench(newDatabase)
      const { id } = await create()
      await take()
      await leaseEnds(id)
      await plane.queue.sweep()
      expect((await take(dev('dev_2'))).run).toMatchObject({ id, attempt: 2, epoch: 2, agentId: 'dev_2' })
    })

    test('is renewed by its holder for as long as it likes', async () => {
      const { create, plane, take, statusOf, leaseEnds } = await bench(newDatabase)
      const { id } = await create()
      const { holder, lease } = await take()
      for (let n = 0; n < 3; n++) {
        // So late that it is all but over.
        await leaseEnds(id)
        const renewed = await plane.queue.renew(me, holder)
        expect(Date.parse(renewed.until!)).toBeGreaterThanOrEqual(Date.parse(lease.until!))
        expect(renewed.epoch).toBe(lease.epoch)
        expect(await plane.queue.sweep()).toBe(0)
      }
      expect(await statusOf(id)).toBe('RUNNING')
    })

    test('is judged by who looks all the time, and by nobody who asks for work', async () => {
      const { create, take, leaseEnds, plane, open } = await bench(newDatabase)
      const { id, taskId } = await create()
      await take()
      await leaseEnds(id)
      const other = dev('dev_2')
      expect(await plane.queue.look(me, other)).toBeNull()
      expect(await plane.queue.next(me, other)).toBeNull()
      expect(await plane.queue.claim(me, other, taskId, id)).toBeNull()
      expect(await plane.queue.holding(me, other, taskId)).toBe('someone_else')
      // Who has just begun to look has heard nobody yet.
      await open()
      expect(await plane.queue.sweep()).toBe(1)
      expect((await take(other)).run.id).toBe(id)
    })

    test('that ran out while nobody could be heard is whole again once there is somebody who listens', async () => {
      const { create, plane, take, leaseEnds, statusOf } = await bench(newDatabase)
      const [{ id }, waiting] = [await create(), await create()]
      const { holder, lease } = await take()
      await leaseEnds(id)
      plane.queue.listenAgain()
      expect(await plane.queue.sweep()).toBe(0)
      expect(await statusOf(id)).toBe('RUNNING')
      expect((await plane.runs.get(me, waiting.id)).leaseUntil).toBeNull()
      expect(await plane.queue.renew(me, holder)).toMatchObject({ epoch: lease.epoch })
    })

    test('is of one machine: another under the same agent id gets other work, and this run only when it is over', async () => {
      const { create, plane, leaseEnds, statusOf } = await bench(newDatabase)
      const [one, two] = [await create(), await create()]
      const on = (machine?: string) => ({ ...dev(), machine })
      const taken = async (machine?: string) => (await plane.queue.next(me, on(machine)))?.run
      expect((await taken('a'))?.id).toBe(one.id)
      expect((await taken('b'))?.id).toBe(two.id)
      expect(await Promise.all(['a', 'b'].map(async machine => (await taken(machine))?.id))).toEqual([one.id, two.id])
      expect(await plane.queue.holding(me, on('a'), two.taskId)).toBe('someone_else')
      expect(await plane.queue.claim(me, on('a'), two.taskId, two.id)).toBeNull()
      const { run: first } = (await plane.queue.claim(me, on('a'), one.taskId, one.id))!
      await leaseEnds(one.id)
      expect(await plane.queue.holding(me, on('b'), one.taskId)).toBe('someone_else')
      await plane.queue.sweep()
      expect(await plane.queue.holding(me, on('b'), one.taskId)).toBe('free')
      const { run, lease } = (await plane.queue.claim(me, on('b'), one.taskId, one.id))!
      expect([run.machine, lease.epoch]).toEqual(['b', first.epoch + 1])
      await refused(plane.queue.renew(me, { agentId: 'dev_1', runId: one.id, epoch: first.epoch }), 'LEASE_LOST')
      expect(await statusOf(one.id)).toBe('RUNNING')
    })

    test('once another has taken over, nothing of the old holder is taken, and nothing changes', async () => {
      const { create, plane, take, leaseEnds, database } = await bench(newDatabase)
      const { id, taskId } = await create()
      const { holder: old } = await take()
      await leaseEnds(id)
      await plane.queue.sweep()
      await take(dev('dev_2'))
      const tables = ['tasks', 'runs', 'run_events', 'task_history', 'run_wishes', 'run_artifacts']
      const all = () => Promise.all(tables.map(table => database.ask(`select * from ${table} order by 1`)))
      const before = await all()
      await refused(plane.queue.renew(me, old), 'LEASE_LOST')
      await refused(plane.queue.publish(me, old, [told(1, 'run_paused')]), 'LEASE_LOST')
      await refused(plane.artifacts.put(me, old, { name: 'diff.patch', contentType: 'text/x-diff', body: '' }), 'LEASE_LOST')
      for (const kind of ['reported', 'given_back', 'parked', 'stopped'] as const)
        expect(await plane.queue.conclude(me, old, taskId, { kind, status: 'dev_done', note: 'late' })).toBe('lost')
      expect(await all()).toEqual(before)
    })

    test('a holder that comes back late, before another has taken over, has lost its run too', async () => {
      const { create, plane, take, leaseEnds, statusOf, typesOf } = await bench(newDatabase)
      const { id, taskId } = await create()
      const { holder } = await take()
      await leaseEnds(id)
      await plane.queue.sweep()
      const before = await typesOf(id)
      await refused(plane.queue.renew(me, holder), 'LEASE_LOST')
      await refused(plane.queue.publish(me, holder, [told(1, 'run_paused')]), 'LEASE_LOST')
      expect(await plane.queue.conclude(me, holder, taskId, { kind: 'reported', status: 'dev_done', note: '' })).toBe('lost')
      expect(await statusOf(id)).toBe('QUEUED')
      expect(await typesOf(id)).toEqual(before)
    })

    test('the same agent under an older claim is an old holder too', async () => {
      const { create, plane, take, leaseEnds, statusOf } = await bench(newDatabase)
      const { id, taskId } = await create()
      const { holder: old } = await take()
      await leaseEnds(id)
      await plane.queue.sweep()
      const { holder: now } = await take()
      expect(now).toEqual({ ...old, epoch: 2 })
      await refused(plane.queue.renew(me, old), 'LEASE_LOST')
      await refused(plane.queue.publish(me, old, [told(1, 'agent_text')]), 'LEASE_LOST')
      expect(await plane.queue.conclude(me, old, taskId, { kind: 'reported', status: 'dev_done', note: '' })).toBe('lost')
      expect(await statusOf(id)).toBe('RUNNING')
      await plane.queue.renew(me, now)
    })

    test('that is over, but was noticed by nobody, is still its holder’s', async () => {
      const { create, plane, take, leaseEnds } = await bench(newDatabase)
      const { id, taskId } = await create()
      const { holder } = await take()
      await leaseEnds(id)
      await plane.queue.renew(me, holder)
      expect(await plane.queue.sweep()).toBe(0)
      await leaseEnds(id)
      expect(await plane.queue.conclude(me, holder, taskId, { kind: 'reported', status: 'dev_done', note: '' })).toBe('reported')
    })

    test('a run that is lost too often is FAILED and its task parked', async () => {
      const { create, plane, take, leaseEnds } = await bench(newDatabase, { maxExpiries: 3 })
      const { id, taskId } = await create()
      for (let n = 1; n <= 3; n++) {
        await take(dev(`dev_${n}`))
        await leaseEnds(id)
        expect(await plane.queue.sweep()).toBe(1)
      }
      expect(await plane.runs.get(me, id)).toMatchObject({ status: 'FAILED', error: expect.stringContaining('3 times') })
      expect((await plane.tasks.get(me, taskId)).status).toBe('pending')
      expect(await plane.queue.look(me, dev())).toBeNull()
    })

    test('many sweeps at once let go of each run once', async () => {
      const { create, plane, open, take, typesOf, database } = await bench(newDatabase)
      const ids: string[] = []
      for (let i = 0; i < 6; i++) ids.push((await create(`run ${i}`)).id)
      for (let i = 0; i < 6; i++) await take(dev(`dev_${i}`))
      await database.ask('update runs set lease_until = 1')
      const counts = await Promise.all([plane, await open(), await open()].map(each => each.queue.sweep()))
      expect(counts.reduce((a, b) => a + b)).toBe(6)
      for (const id of ids) expect((await typesOf(id)).filter(type => type === 'RUN_RECOVERED')).toHaveLength(1)
    })

    test('a PAUSED run whose runner is lost stays PAUSED until somebody resumes it', async () => {
      const { create, plane, take, leaseEnds, statusOf } = await bench(newDatabase)
      const { id, taskId } = await create()
      const { holder } = await take()
      await plane.runs.pause(me, id)
      await plane.queue.publish(me, holder, [told(1, 'run_paused')])
      await leaseEnds(id)
      await plane.queue.sweep()
      expect(await statusOf(id)).toBe('PAUSED')
      expect(await plane.tasks.get(me, taskId)).toMatchObject({ status: 'created', onHold: true })
      expect(await plane.queue.next(me, dev('dev_2'))).toBeNull()
      expect(await plane.runs.resume(me, id)).toMatchObject({ run: { status: 'QUEUED' }, wishId: null })
      expect((await take(dev('dev_2'))).run.id).toBe(id)
    })

    test.each([
      ['stop', 'STOPPED', 'cancelled'],
      ['pause', 'PAUSED', 'created'],
    ] as const)('what was wished of a runner that is lost is done then: %s', async (wish, status, taskStatus) => {
      const { create, plane, take, leaseEnds } = await bench(newDatabase)
      const { id, taskId } = await create()
      await take()
      await plane.runs[wish](me, id)
      await leaseEnds(id)
      await plane.queue.sweep()
      expect((await plane.runs.get(me, id)).status).toBe(status)
      expect((await plane.tasks.get(me, taskId)).status).toBe(taskStatus)
      expect(await plane.queue.wanted(me, id)).toEqual([])
    })

    test('a task that is cancelled while its run is held elsewhere: the holder is asked, and the run ends when it says so', async () => {
      const { create, plane, take, statusOf } = await bench(newDatabase)
      const { id, taskId } = await create()
      const { holder } = await take()
      await plane.tasks.cancel(me, taskId)
      expect(await statusOf(id)).toBe('RUNNING')
      expect(await plane.queue.wanted(me, id)).toMatchObject([{ kind: 'stop' }])
      expect(await plane.queue.holding(me, dev(), taskId)).toBe('finished')
      for (let i = 0; i < 2; i++)
        expect(await plane.queue.conclude(me, holder, taskId, { kind: 'stopped', note: 'ended' })).toBe('reported')
      expect(await statusOf(id)).toBe('STOPPED')
      expect((await plane.tasks.get(me, taskId)).status).toBe('cancelled')
    })

    test('and when the holder is lost, the run ends with its lease', async () => {
      const { create, plane, take, leaseEnds, statusOf } = await bench(newDatabase)
      const { id, taskId } = await create()
      await take()
      await plane.tasks.cancel(me, taskId)
      await leaseEnds(id)
      await plane.queue.sweep()
      expect(await statusOf(id)).toBe('STOPPED')
      expect((await plane.tasks.get(me, taskId)).status).toBe('cancelled')
    })
  })
}
