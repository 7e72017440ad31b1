import { describe, expect, test } from 'vitest'
import { newRunId } from '../../src/core/ids.ts'
import { bench, dev, me, type NewDatabase } from './control-plane-fixture.ts'

/** What claiming promises. */
export function claimPromises(newDatabase: NewDatabase): void {
  describe('claiming', () => {
    test('of many claims at once of one task exactly one wins', async () => {
      const { create, plane, open } = await bench(newDatabase)
      const { taskId } = await create()
      const planes = [plane, await open(), await open()]
      const claims = await Promise.all(
        Array.from({ length: 12 }, (_, i) => planes[i % 3]!.queue.claim(me, dev(`dev_${i}`), taskId, newRunId())),
      )
      expect(claims.filter(claim => claim !== null)).toHaveLength(1)
      expect((await plane.runs.list(me, {})).items).toHaveLength(1)
    })

    test('many who ask at once for the next run get a different one each', async () => {
      const { create, plane, open } = await bench(newDatabase)
      const ids = await Promise.all(Array.from({ length: 12 }, (_, i) => create(`run ${i}`).then(run => run.id)))
      const planes = [plane, await open(), await open()]
      const claims = await Promise.all(Array.from({ length: 15 }, (_, i) => planes[i % 3]!.queue.next(me, dev(`dev_${i}`))))
      expect(claims.flatMap(claim => claim?.run.id ?? []).sort()).toEqual(ids.sort())
    })

    test('who holds something is handed that first, and nothing twice', async () => {
      const { create, take, plane } = await bench(newDatabase)
      await create('one')
      await create('two')
      const first = await take()
      const again = await take()
      expect(again.run).toEqual({ ...first.run, leaseUntil: again.run.leaseUntil })
      expect(again.lease.epoch).toBe(first.lease.epoch)
      expect((await plane.queue.claim(me, dev(), first.task.id, first.run.id))?.lease.epoch).toBe(first.lease.epoch)
    })

    test('higher priority goes first, then what is older; dependencies and levels are honoured', async () => {
      const { create, plane } = await bench(newDatabase)
      const old = await create('old')
      await create('low', { priority: -1 })
      await create('high', { priority: 5, dependsOn: [old.taskId] })
      await create('hard', { seniority: 'principal', priority: 9 })
      const taken: string[] = []
      for (let i = 0; i < 4; i++) {
        const claim = await plane.queue.next(me, dev(`dev_${i}`))
        if (!claim) break
        taken.push(claim.run.name)
        const holder = { agentId: `dev_${i}`, runId: claim.run.id, epoch: claim.lease.epoch }
        if (i === 0) await plane.queue.conclude(me, holder, claim.task.id, { kind: 'reported', status: 'dev_done', note: '' })
      }
      expect(taken).toEqual(['old', 'high', 'low'])
    })

    test('a worker gets only what it has all labels for', async () => {
      const { create, plane } = await bench(newDatabase)
      const { id } = await create('gpu', { labels: ['gpu', 'linux'] })
      const plain = await create('plain')
      for (const labels of [undefined, [], ['gpu'], ['linux', 'mac']])
        expect((await plane.queue.look(me, dev('dev_1', { labels })))?.runId).toBe(plain.id)
      expect((await plane.queue.look(me, dev('dev_1', { labels: ['linux', 'gpu', 'big'] })))?.runId).toBe(id)
      const { taskId } = await plane.runs.get(me, id)
      expect(await plane.queue.claim(me, dev('dev_1', { labels: ['gpu'] }), taskId, id)).toBeNull()
      expect(await plane.queue.claim(me, dev('dev_1', { labels: ['gpu', 'linux'] }), taskId, id)).not.toBeNull()
    })

    test('a project never has more under work than it may, however many ask at once; others are not held up', async () => {
      const { create, plane, open, project, database } = await bench(newDatabase)
      const log = [
        'create table most (n integer)',
        ...(plane.kind === 'sqlite'
          ? [
              `create trigger count_work after update of status on tasks when new.status = 'under_work' begin
                insert into most select count(*) from tasks where status = 'under_work' and project_id = '${project.id}'; end`,
            ]
          : [
              `create function count_work() returns trigger language plpgsql as $$ begin
                insert into most select count(*) from tasks where status = 'under_work' and project_id = '${project.id}'; return new; end $$`,
              `create trigger count_work after update of status on tasks for each row when (new.status = 'under_work') execute function count_work()`,
            ]),
      ]
      for (const sql of log) await database.ask(sql)
      await plane.projects.change(me, project.id, { maxRunning: 2 })
      for (let i = 0; i < 8; i++) await create(`limited ${i}`)
      const other = await plane.projects.create(me, { name: 'other', localPath: '/srv/other' })
      const free = await plane.runs.create(me, { projectId: other.id, goal: 'free' })
      const planes = [plane, await open(), await open()]
      const claims = await Promise.all(Array.from({ length: 9 }, (_, i) => planes[i % 3]!.queue.next(me, dev(`dev_${i}`))))
      const taken = claims.filter(claim => claim !== null)
      expect(taken).toHaveLength(3)
      expect(taken.some(claim => claim.run.id === free.id)).toBe(true)
      const { task, run, lease } = taken.find(claim => claim.run.id !== free.id)!
      const waiting = (await plane.runs.list(me, { projectId: project.id, status: ['QUEUED'] })).items[0]!
      expect(await plane.queue.claim(me, dev('late'), waiting.taskId, waiting.id)).toBeNull()
      expect(await plane.queue.look(me, dev('late'))).toBeNull()
      const holder = { agentId: task.lockedBy!, runId: run.id, epoch: lease.epoch }
      await plane.queue.conclude(me, holder, task.id, { kind: 'reported', status: 'dev_done', note: '' })
      expect(await plane.queue.next(me, dev('late'))).not.toBeNull()
      expect(Number((await database.ask('select max(n) as n from most'))[0]!.n)).toBe(2)
    })

    test('a task is claimed by whatever run id, also one that the board does not know; one that is over is no claim', async () => {
      const { create, plane, take } = await bench(newDatabase)
      const { id, taskId } = await create()
      const brought = newRunId()
      const claim = await plane.queue.claim(me, dev(), taskId, brought)
      expect(claim?.run).toMatchObject({ id: brought, status: 'RUNNING', goal: 'Fix the login' })
      expect((await plane.runs.list(me, {})).items).toHaveLength(1)
      await plane.queue.conclude(me, { agentId: 'dev_1', runId: brought, epoch: 1 }, taskId, { kind: 'parked', note: '' })
      await plane.tasks.requeue(me, taskId)
      expect(await plane.queue.claim(me, dev(), taskId, brought)).toBeNull()
      expect((await take()).run.id).not.toBe(id)
    })

    test('workers are known with what they can and what they hold', async () => {
      const { create, plane, take } = await bench(newDatabase)
      await plane.workers.register(me, { ...dev('dev_1', { labels: ['gpu'] }), host: 'build-1' })
      const { id } = await create()
      await take(dev('dev_1', { level: 'principal' }))
      await plane.workers.register(me, dev('dev_2'))
      expect((await plane.workers.list(me)).items).toMatchObject([
        { agentId: 'dev_2', currentRun: null, labels: [] },
        { agentId: 'dev_1', currentRun: id, labels: ['gpu'], host: 'build-1', level: 'principal', role: 'fullstack_dev' },
      ])
    })
  })
}
