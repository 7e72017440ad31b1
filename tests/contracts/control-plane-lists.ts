import { describe, expect, test } from 'vitest'
import type { Page } from '../../src/board/store/paging.ts'
import { newRunId } from '../../src/core/ids.ts'
import { bench, dev, me, type NewDatabase, qa, refused } from './control-plane-fixture.ts'

async function allPages<T>(read: (before: number | null) => Promise<Page<T>>): Promise<T[]> {
  const items: T[] = []
  for (let before: number | null = null; ; ) {
    const page: Page<T> = await read(before)
    items.push(...page.items)
    if (page.next === null) return items
    before = page.next
  }
}

/** What lists and projects promise. */
export function listPromises(newDatabase: NewDatabase): void {
  describe('a list', () => {
    test('of runs is newest first, by page, and can be narrowed in every way at once', async () => {
      const { create, plane, project } = await bench(newDatabase)
      const other = await plane.projects.create(me, { name: 'other', localPath: '/srv/other' })
      const names: string[] = []
      for (let i = 0; i < 12; i++) {
        const run = await create(i % 3 === 0 ? `Fix 100% of the LOGIN ${i}` : `other ${i}`, i % 4 === 0 ? { projectId: other.id } : {})
        if (i % 2 === 0) await plane.runs.pause(me, run.id)
        if (i % 6 === 5) await plane.runs.stop(me, run.id)
        names.unshift(run.name)
      }
      const titles = (filter: Parameters<typeof plane.runs.list>[1]) =>
        allPages(before => plane.runs.list(me, { limit: 2, ...filter, before })).then(runs => runs.map(run => run.name))
      const number = (name: string) => Number(/\d+$/.exec(name))
      expect(await titles({})).toEqual(names)
      expect(await titles({ projectId: other.id })).toEqual(names.filter(name => number(name) % 4 === 0))
      expect(await titles({ text: 'login' })).toEqual(names.filter(name => number(name) % 3 === 0))
      expect(await titles({ text: '100%' })).toHaveLength(4)
      expect(await titles({ text: '1_0' })).toEqual([])
      expect(await titles({ text: '\\' })).toEqual([])
      expect(await titles({ status: ['PAUSED'] })).toEqual(names.filter(name => number(name) % 2 === 0))
      expect(await titles({ status: ['PAUSED', 'STOPPED', 'PAUSED'] })).toEqual(
        names.filter(name => number(name) % 2 === 0 || number(name) % 6 === 5),
      )
      expect(await titles({ status: ['PAUSED', 'QUEUED'], projectId: project.id, text: 'fix' })).toEqual(
        names.filter(name => number(name) % 3 === 0 && number(name) % 4 !== 0),
      )
      expect(await plane.runs.counts(me)).toEqual({ QUEUED: 4, RUNNING: 0, PAUSED: 6, STOPPED: 2, COMPLETED: 0, FAILED: 0 })
    })

    test('does not move under a reader when something is added', async () => {
      const { create, plane } = await bench(newDatabase)
      const made = [await create('1'), await create('2'), await create('3')]
      const first = await plane.runs.list(me, { limit: 2 })
      await create('4')
      const second = await plane.runs.list(me, { limit: 2, before: first.next })
      expect([...first.items, ...second.items].map(run => run.id)).toEqual(made.map(run => run.id).reverse())
      expect(second.next).toBeNull()
    })

    test('of tasks is newest first and can be narrowed', async () => {
      const { plane, project } = await bench(newDatabase)
      for (let i = 0; i < 5; i++)
        await plane.tasks.add(me, {
          projectId: project.id,
          title: `task ${i}`,
          role: i % 2 ? 'backend_dev' : 'frontend_dev',
          status: i === 4 ? 'pending' : 'created',
        })
      const titles = (filter: Parameters<typeof plane.tasks.list>[1]) =>
        allPages(before => plane.tasks.list(me, { limit: 1, ...filter, before })).then(tasks => tasks.map(task => task.title))
      expect(await titles({})).toEqual(['task 4', 'task 3', 'task 2', 'task 1', 'task 0'])
      expect(await titles({ role: 'backend_dev' })).toEqual(['task 3', 'task 1'])
      expect(await titles({ role: 'frontend_dev', status: ['created', 'dev_done'] })).toEqual(['task 2', 'task 0'])
    })

    test('of projects, with their names unique', async () => {
      const { plane, project } = await bench(newDatabase)
      await refused(plane.projects.create(me, { name: 'shop', localPath: '/elsewhere' }), 'EXISTS', /"shop"/)
      const second = await plane.projects.create(me, { name: 'second', localPath: '/srv/second', description: 'More', maxRunning: 3 })
      expect((await plane.projects.list(me)).items).toEqual([second, project])
      expect((await plane.projects.list(me, { name: 'shop' })).items).toEqual([project])
      await refused(plane.projects.change(me, second.id, { name: 'shop' }), 'EXISTS')
      expect(await plane.projects.change(me, second.id, { name: 'second', maxRunning: null })).toMatchObject({
        maxRunning: null,
        description: 'More',
      })
      await refused(plane.projects.get(me, 'prj_none'), 'NOT_FOUND')
    })

    test('a repository has one project, however many ask for it at once', async () => {
      const { plane, open, project } = await bench(newDatabase)
      expect((await plane.projects.at(me, '/srv/shop')).id).toBe(project.id)
      const planes = [plane, await open(), await open()]
      const found = await Promise.all(Array.from({ length: 9 }, (_, i) => planes[i % 3]!.projects.at(me, '/home/a/shop')))
      expect(new Set(found.map(each => each.id)).size).toBe(1)
      expect(found[0]).toMatchObject({ name: 'shop-2', localPath: '/home/a/shop' })
    })

    test('a project goes with all that is in it, but not while a run of it is not over', async () => {
      const { create, plane, project, database } = await bench(newDatabase)
      const first = await create('first')
      await create('second', { dependsOn: [first.taskId] })
      await plane.queue.next(me, dev())
      await refused(plane.projects.remove(me, project.id), 'EXISTS', /not over/)
      for (const run of (await plane.runs.list(me)).items) await plane.tasks.move(me, run.taskId, 'committed')
      await plane.projects.remove(me, project.id)
      for (const table of ['projects', 'tasks', 'runs', 'run_events', 'task_history', 'task_dependencies'])
        expect(await database.ask(`select * from ${table}`), table).toEqual([])
    })

    test('a project whose deletion was cut short is gone for everybody, and whoever goes on with it ends it', async () => {
      const { create, plane, open, project, database, take } = await bench(newDatabase)
      const other = await plane.projects.create(me, { name: 'other', localPath: '/srv/other' })
      const kept = await plane.runs.create(me, { projectId: other.id, goal: 'stays' })
      await plane.runs.pause(me, kept.id)
      let needed: string[] = []
      for (let n = 0; n < 60; n++) needed = [(await create(`goal ${n}`, { dependsOn: needed })).taskId]
      const work = await take()
      await plane.queue.conclude(me, work.holder, work.task.id, { kind: 'reported', status: 'dev_done', note: '' })
      for (const run of (await plane.runs.list(me, { status: ['QUEUED'], projectId: project.id, limit: 100 })).items)
        await plane.tasks.move(me, run.taskId, 'dev_done')
      const cut = new AbortController()
      cut.abort()
      const rows = async (table: string) => Number((await database.ask(`select count(*) as n from ${table}`))[0]!.n)
      await plane.projects.remove(me, project.id, cut.signal)
      expect(await rows('tasks')).toBe(61)
      const next = await open()
      for (const call of [next.projects.get, next.projects.remove]) await refused(call(me, project.id), 'NOT_FOUND')
      for (const call of [next.runs.get, next.runs.retry, next.events.ofRun]) await refused(call(me, work.run.id), 'NOT_FOUND')
      for (const call of [next.tasks.get, next.tasks.requeue]) await refused(call(me, work.task.id), 'TASK_UNKNOWN')
      expect((await next.projects.list(me)).items.map(one => one.name)).toEqual(['other'])
      expect((await next.runs.list(me)).items.map(run => run.id)).toEqual([kept.id])
      expect((await next.tasks.list(me)).items.map(task => task.id)).toEqual([kept.taskId])
      expect(new Set((await next.events.all(me)).map(event => event.projectId))).toEqual(new Set([other.id]))
      expect(await next.runs.counts(me)).toMatchObject({ PAUSED: 1, COMPLETED: 0, STOPPED: 0 })
      expect(await next.queue.look(me, qa())).toBeNull()
      expect(await next.queue.next(me, qa())).toBeNull()
      expect(await next.queue.claim(me, qa(), work.task.id, newRunId())).toBeNull()
      const again = await next.projects.create(me, { name: 'shop', localPath: '/srv/shop' })
      expect((await next.projects.at(me, '/srv/shop')).id).toBe(again.id)
      await Promise.all([plane.projects.finishRemovals(), next.projects.finishRemovals()])
      expect([await rows('projects'), await rows('tasks'), await rows('runs')]).toEqual([2, 1, 1])
      const events = await database.ask('select distinct run from run_events')
      expect(events).toHaveLength(1)
    })
  })
}
