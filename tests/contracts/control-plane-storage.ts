import { describe, expect, test } from 'vitest'
import type { Caller } from '../../src/board/control-plane.ts'
import { bench, type Database, dev, type NewDatabase, refused, told } from './control-plane-fixture.ts'

const acme: Caller = { customer: 'acme', name: 'ann' }
const other: Caller = { customer: 'other', name: 'bob' }
const KIB = 1024

/** What is stored for a customer, added up row by row. */
const SUM = `select
  coalesce((select sum(octet_length(description)) from projects where customer = 'acme'), 0)
  + coalesce((select sum(octet_length(title) + octet_length(description) + octet_length(criteria) + 100) from tasks where customer = 'acme'), 0)
  + coalesce((select sum(octet_length(label)) from task_labels), 0)
  + coalesce((select sum(octet_length(note)) from task_history), 0)
  + coalesce((select sum(octet_length(text)) from mentions), 0)
  + coalesce((select sum(octet_length(name) + octet_length(goal) + octet_length(options) + octet_length(metadata)
      + coalesce(octet_length(steps), 0) + 100) from runs where customer = 'acme'), 0)
  + coalesce((select sum(octet_length(text)) from run_wishes), 0)
  + coalesce((select sum(size) from run_artifacts), 0)
  + coalesce((select sum(octet_length(data) + 100) from run_events where customer = 'acme'), 0) as bytes`

const summed = async (database: Database) => Number((await database.ask(SUM))[0]!.bytes)

/** What a customer may store. */
export function storagePromises(newDatabase: NewDatabase): void {
  describe('the storage of a customer', () => {
    async function shop(quota: number | null = null) {
      const at = await bench(newDatabase, { quota })
      const { plane } = at
      const { id: projectId } = await plane.projects.create(acme, { name: 'shop', localPath: '/srv/shop', description: 'ä'.repeat(50) })
      const create = (goal = 'Mend it') => plane.runs.create(acme, { projectId, goal, labels: ['gpu'], metadata: { a: 'b' } })
      async function take() {
        const { run, task, lease } = (await plane.queue.next(acme, dev('dev_1', { labels: ['gpu'] })))!
        return { run, task, holder: { agentId: 'dev_1', runId: run.id, epoch: lease.epoch } }
      }
      const put = (holder: Awaited<ReturnType<typeof take>>['holder'], size: number) =>
        plane.artifacts.put(acme, holder, { name: 'diff.patch', contentType: 'text/plain', body: 'x'.repeat(size) })
      const used = async () => (await plane.storage.counts(acme)).acme ?? 0
      return { ...at, projectId, create, take, put, used }
    }

    test('the count is what is there, whatever was done, and retention and the removal of a project give it back', async () => {
      const { database, plane, projectId, create, take, put, used } = await shop()
      const { id } = await create('Mend it: ñ')
      const { task, holder } = await take()
      await plane.queue.publish(acme, holder, [told(1, 'warning', { message: 'ü' }), told(2, 'agent_text', { text: 'y'.repeat(2_000) })])
      await plane.queue.publish(acme, holder, [told(1, 'warning', { message: 'ü' })], [{ message: 'a line' }])
      await put(holder, 5_000)
      await put(holder, 3_000)
      await plane.runs.directive(acme, id, { text: 'Go on', mode: 'now' })
      await plane.tasks.note(acme, task.id, '@dev_1 and @dev_2: look')
      await plane.projects.change(acme, projectId, { description: 'shorter' })
      await plane.queue.conclude(acme, holder, task.id, { kind: 'reported', note: 'It is done' })
      await plane.runs.retry(acme, id)
      await plane.tasks.cancel(acme, task.id)
      expect(await used()).toBe(await summed(database))
      expect(await used()).toBeGreaterThan(5_000)

      await database.ask("update runs set finished_at = '2020-01-01' where finished_at is not null")
      await plane.retain({ eventDays: 1 })
      expect(await used()).toBe(await summed(database))
      expect(await used()).toBeLessThan(2_000)

      await plane.projects.remove(acme, projectId)
      expect(await plane.storage.counts(acme)).toEqual({ acme: 0 })
    })

    test('who has used it up adds nothing, others do, and a removed project makes room', async () => {
      const { plane, projectId, create, take, put } = await shop(8 * KIB)
      const { id } = await create()
      const { task, holder } = await take()
      await put(holder, 9 * KIB)
      await refused(create(), 'STORAGE_FULL', /"acme" has stored as much as it may/)
      await refused(plane.tasks.add(acme, { projectId, title: 'More', role: 'qa' }), 'STORAGE_FULL')
      await refused(put(holder, 1), 'STORAGE_FULL')
      await refused(plane.runs.directive(acme, id, { text: 'Go on', mode: 'now' }), 'STORAGE_FULL')
      await refused(plane.tasks.note(acme, task.id, 'A note'), 'STORAGE_FULL')
      await refused(plane.projects.create(acme, { name: 'more', localPath: '/srv/more' }), 'STORAGE_FULL')
      const elsewhere = await plane.projects.create(other, { name: 'shop', localPath: '/srv/shop' })
      await plane.runs.create(other, { projectId: elsewhere.id, goal: 'Mend it' })

      await plane.queue.conclude(acme, holder, task.id, { kind: 'reported', note: '' })
      await plane.projects.remove(acme, projectId)
      const { id: again } = await plane.projects.create(acme, { name: 'shop', localPath: '/srv/shop' })
      await plane.runs.create(acme, { projectId: again, goal: 'Mend it' })
    })

    test('a run goes on and ends without room: what changes it is heard, the rest is left out, and the timeline says so once', async () => {
      const { plane, create, take, put, used } = await shop(8 * KIB)
      const { id } = await create()
      const { task, holder } = await take()
      await put(holder, 9 * KIB)
      await plane.runs.pause(acme, id)
      const before = await used()
      const end = { costUsd: 2, tokens: { input: 1, output: 1, cacheRead: 0, cacheWrite: 0 } }
      const batch = [
        told(1, 'agent_text', { text: 'x'.repeat(60_000) }),
        told(2, 'attempt_ended', { end, text: 'x'.repeat(60_000) }),
        told(3, 'run_paused'),
      ]
      expect(await plane.queue.publish(acme, holder, batch)).toEqual({ ackedSeq: 3, leftOut: 3 })
      expect(await plane.queue.publish(acme, holder, batch)).toEqual({ ackedSeq: 3, leftOut: 1 })
      expect(await plane.runs.get(acme, id)).toMatchObject({ costUsd: 2, status: 'PAUSED' })
      const told3 = await plane.events.ofRun(acme, id, { limit: 100 })
      expect(told3.filter(({ data }) => String(data.message).includes('left out'))).toHaveLength(1)
      expect((await used()) - before).toBeLessThan(1_000)

      await plane.queue.renew(acme, holder)
      expect(await plane.queue.conclude(acme, holder, task.id, { kind: 'reported', note: 'n'.repeat(100_000) })).toBe('reported')
      expect(await plane.runs.get(acme, id)).toMatchObject({ status: 'COMPLETED' })
      expect((await used()) - before).toBeLessThan(10_000)
    })

    test('what any number of workers tell at once is counted to the byte, and none stands in the way of another', async () => {
      const { database, plane, projectId, used } = await shop()
      const names = ['dev_1', 'dev_2', 'dev_3', 'dev_4']
      await Promise.all(
        names.map(async name => {
          for (let n = 1; n <= 5; n++) {
            const run = await plane.runs.create(acme, { projectId, goal: `${name} ${n}` })
            const { task, run: taken, lease } = (await plane.queue.next(acme, dev(name)))!
            const holder = { agentId: name, runId: taken.id, epoch: lease.epoch }
            await plane.artifacts.put(acme, holder, { name: 'diff.patch', contentType: 'text/plain', body: run.id })
            await plane.queue.publish(acme, holder, [told(1, 'warning', { message: name })])
            await plane.queue.conclude(acme, holder, task.id, { kind: 'parked', note: name })
          }
        }),
      )
      expect(await used()).toBe(await summed(database))
    })
  })
}
