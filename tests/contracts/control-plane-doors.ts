import { describe, expect, test } from 'vitest'
import { bench, dev, me, type NewDatabase, refused, told } from './control-plane-fixture.ts'

/** What customers, keys and repeated requests are promised. */
export function doorPromises(newDatabase: NewDatabase): void {
  describe('customers', () => {
    test('see and change nothing of each other; who is of no customer sees all', async () => {
      const { plane } = await bench(newDatabase)
      const [a, b, all] = ['a', 'b', null].map(customer => ({ customer, name: 'x' })) as [
        typeof me,
        typeof me,
        { customer: null; name: string },
      ]
      const mine = await plane.projects.create(a, { name: 'shop', localPath: '/srv/shop' })
      const theirs = await plane.projects.create(b, { name: 'shop', localPath: '/srv/shop' })
      const run = await plane.runs.create(a, { projectId: mine.id, goal: 'secret' })
      const task = await plane.tasks.get(a, run.taskId)
      for (const call of [
        plane.runs.get,
        plane.runs.pause,
        plane.runs.resume,
        plane.runs.stop,
        plane.runs.retry,
        plane.events.ofRun,
        plane.artifacts.list,
      ])
        await refused(call(b, run.id), 'NOT_FOUND')
      await refused(plane.runs.create(b, { projectId: mine.id, goal: 'x' }), 'NOT_FOUND')
      await refused(plane.runs.create(b, { projectId: theirs.id, goal: 'x', dependsOn: [task.id] }), 'TASK_UNKNOWN')
      for (const call of [plane.tasks.get, plane.tasks.cancel, plane.tasks.requeue]) await refused(call(b, task.id), 'TASK_UNKNOWN')
      for (const call of [plane.projects.get, plane.projects.remove]) await refused(call(b, mine.id), 'NOT_FOUND')
      expect((await plane.runs.list(b)).items).toEqual([])
      expect((await plane.tasks.list(b)).items).toEqual([])
      expect((await plane.projects.list(b)).items).toEqual([theirs])
      expect(await plane.events.all(b)).toEqual([])
      expect(await plane.queue.next(b, dev())).toBeNull()
      expect(await plane.queue.claim(b, dev(), task.id, run.id)).toBeNull()
      expect(await plane.queue.holding(b, dev(), task.id)).toBe('gone')
      const claimed = (await plane.queue.next(a, dev()))!
      const holder = { agentId: 'dev_1', runId: claimed.run.id, epoch: claimed.lease.epoch }
      await refused(plane.queue.publish(b, holder, [told(1, 'agent_text')]), 'LEASE_LOST')
      await refused(plane.queue.renew(b, holder), 'LEASE_LOST')
      expect(await plane.queue.conclude(b, holder, task.id, { kind: 'parked', note: '' })).toBe('lost')
      await plane.tasks.note(a, task.id, 'ask @dev_1')
      expect(await plane.mentions.unread(b, 'dev_1')).toEqual([])
      expect(await plane.mentions.unread(a, 'dev_1')).toHaveLength(1)
      expect(await plane.queue.next(b, dev())).toBeNull()
      expect((await plane.workers.list(b)).items).toEqual([])
      expect((await plane.runs.list(all)).items.map(each => each.id)).toEqual([run.id])
      expect((await plane.events.all(all)).map(event => event.customer)).toEqual(['a', 'a'])
    })
  })

  describe('a key', () => {
    test('is shown once, found by its whole text alone, listed without its secret, and opens nothing once revoked', async () => {
      const { plane, database } = await bench(newDatabase)
      const made = await plane.keys.create({ kind: 'worker', customer: 'a', name: 'build machines' })
      const other = await plane.keys.create({ kind: 'admin', customer: null, name: 'me' })
      const secretOf = (key: { key: string; prefix: string }) => key.key.slice(key.prefix.length + 1)
      expect(made.key).toMatch(new RegExp(`^${made.prefix}_[\\w-]{43}$`))
      expect(await plane.keys.verify(made.key)).toMatchObject({ id: made.id, kind: 'worker', customer: 'a', name: 'build machines' })
      for (const wrong of [made.key.slice(0, -1), `${made.key}x`, `${made.prefix}_${secretOf(other)}`, made.prefix, '', 'x'.repeat(10_000)])
        expect(await plane.keys.verify(wrong)).toBeNull()
      const stored = JSON.stringify(await database.ask('select * from api_keys'))
      expect(stored).toContain(made.prefix)
      expect(stored).not.toContain(secretOf(made))
      const list = (await plane.keys.list({ customer: null, name: '' })).items
      expect(list.map(key => key.id)).toEqual([other.id, made.id])
      expect(JSON.stringify(list)).not.toContain(secretOf(made))
      expect(list[1]!.lastUsedAt).not.toBeNull()
      expect((await plane.keys.list({ customer: 'b', name: '' })).items).toEqual([])
      await refused(plane.keys.revoke({ customer: 'b', name: '' }, made.id), 'NOT_FOUND')
      const revoked = await plane.keys.revoke({ customer: 'a', name: '' }, made.prefix)
      expect(await plane.keys.revoke({ customer: 'a', name: '' }, made.id)).toEqual(revoked)
      expect(await plane.keys.verify(made.key)).toBeNull()
      expect(await plane.keys.verify(other.key)).not.toBeNull()
    })

    test('of a worker is for one customer', async () => {
      const { plane } = await bench(newDatabase)
      await refused(plane.keys.create({ kind: 'worker', customer: null, name: 'x' }), 'USAGE', /customer/)
    })
  })

  describe('a request with a key of its own', () => {
    test('is done once, also when it comes many times at once, and always gets the same answer', async () => {
      const { plane, open, project } = await bench(newDatabase)
      const planes = [plane, await open(), await open()]
      const body = { goal: 'once' }
      const request = { key: 'k-1', method: 'POST', path: '/runs', body }
      const answers = await Promise.all(
        planes.map(each =>
          each.once(me, request, async inside => ({ status: 201, body: await inside.runs.create(me, { projectId: project.id, ...body }) })),
        ),
      )
      const { items } = await plane.runs.list(me)
      expect(items).toHaveLength(1)
      expect(answers.map(answer => answer.repeated).sort()).toEqual([false, true, true])
      for (const answer of answers) expect(answer).toMatchObject({ status: 201, body: items[0] })
      expect(await plane.events.ofRun(me, items[0]!.id)).toHaveLength(1)
      await refused(
        plane.once(me, { ...request, body: { goal: 'other' } }, async () => ({ status: 201, body: null })),
        'USAGE',
        /another request/,
      )
      const elsewhere = await plane.once({ customer: 'b', name: 'x' }, request, async () => ({ status: 204, body: null }))
      expect(elsewhere).toMatchObject({ status: 204, repeated: false })
    })

    test('that fails is as if it had not been', async () => {
      const { plane, project } = await bench(newDatabase)
      const request = { key: 'k-1', method: 'POST', path: '/runs', body: {} }
      const failing = plane.once(me, request, async inside => {
        await inside.runs.create(me, { projectId: project.id, goal: 'half' })
        return { status: 201, body: await inside.runs.create(me, { projectId: 'prj_none', goal: 'x' }) }
      })
      await refused(failing, 'NOT_FOUND')
      expect((await plane.runs.list(me)).items).toEqual([])
      expect(await plane.once(me, request, async () => ({ status: 200, body: 1 }))).toEqual({ status: 200, body: 1, repeated: false })
    })
  })

  describe('a text of a run', () => {
    test('is kept whole, replaced by one of the same name, and found by name', async () => {
      const { create, plane, take } = await bench(newDatabase)
      const { id } = await create()
      const { holder } = await take()
      const put = (body: string) => plane.artifacts.put(me, holder, { name: 'diff.patch', contentType: 'text/x-diff', body })
      await put('old')
      await put('+ñ\n')
      expect(await plane.artifacts.get(me, id, 'diff.patch')).toMatchObject({
        body: Buffer.from('+ñ\n'),
        size: 4,
        contentType: 'text/x-diff',
      })
      expect(await plane.artifacts.list(me, id)).toHaveLength(1)
      expect(await plane.artifacts.get(me, id, 'none')).toBeNull()
    })
  })
}
