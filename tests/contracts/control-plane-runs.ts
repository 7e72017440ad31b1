import { describe, expect, test } from 'vitest'
import { newRunId } from '../../src/core/ids.ts'
import { bench, dev, me, type NewDatabase, qa, refused } from './control-plane-fixture.ts'

/** What becomes of runs and their tasks. */
export function runPromises(newDatabase: NewDatabase): void {
  describe('a run', () => {
    test('is made with a task, waits, and shows all that was said of it', async () => {
      const { create, plane, project, typesOf } = await bench(newDatabase)
      const made = await create('Fix the login\nIt forgets the session.', {
        options: { model: 'haiku', budget: 2.5, anything: [1] },
        metadata: { ticket: 'SHOP-1', deep: { er: true } },
        priority: 3,
        labels: ['linux'],
        criteria: ['npm test passes'],
      })
      expect(made).toMatchObject({ status: 'QUEUED', name: 'Fix the login', runType: 'agent', attempt: 1, projectId: project.id })
      expect(await plane.runs.get(me, made.id)).toEqual(made)
      expect(made).toMatchObject({
        options: { model: 'haiku', budget: 2.5, anything: [1] },
        metadata: { ticket: 'SHOP-1', deep: { er: true } },
      })
      expect(await plane.tasks.get(me, made.taskId)).toMatchObject({
        title: 'Fix the login',
        description: 'Fix the login\nIt forgets the session.',
        ...{ status: 'created', complexity: 'major', priority: 3, model: 'haiku', maxCostUsd: 2.5, runId: made.id },
        ...{ labels: ['linux'], criteria: ['npm test passes'], project: '/srv/shop' },
      })
      expect(await typesOf(made.id)).toEqual(['RUN_CREATED'])
    })

    test('of several steps keeps them in order; without steps its goal is the only one; others have none', async () => {
      const { create } = await bench(newDatabase)
      const steps = [{ goal: 'Write it' }, { command: 'npm test', timeout: 60 }]
      expect((await create('all', { runType: 'workflow', steps })).steps).toEqual(steps)
      expect((await create('none', { runType: 'pipeline' })).steps).toEqual([{ goal: 'none' }])
      await refused(create('some', { steps }), 'USAGE', /^steps: /)
    })

    test('a task that is added has a run too, and whoever looks is told its id', async () => {
      const { plane, project } = await bench(newDatabase)
      const task = await plane.tasks.add(me, { projectId: project.id, title: 'Mend it', role: 'backend_dev' })
      expect(await plane.runs.get(me, task.runId!)).toMatchObject({ status: 'QUEUED', goal: 'Mend it', taskId: task.id, runType: 'task' })
      expect((await plane.queue.look(me, dev('dev_1', { role: 'backend_dev' })))?.runId).toBe(task.runId)
    })

    test('is RUNNING from its claim on and COMPLETED by its report', async () => {
      const { create, plane, take, statusOf, typesOf } = await bench(newDatabase)
      const made = await create()
      const { run, task, holder, lease } = await take()
      expect(run).toMatchObject({ id: made.id, status: 'RUNNING', agentId: 'dev_1', workerId: expect.stringMatching(/^wrk_/), epoch: 1 })
      expect(run.startedAt).not.toBeNull()
      expect(lease).toEqual({ epoch: 1, until: expect.any(String) })
      expect(await plane.queue.conclude(me, holder, task.id, { kind: 'reported', status: 'dev_done', note: 'Did it.' })).toBe('reported')
      expect(await plane.runs.get(me, made.id)).toMatchObject({ status: 'COMPLETED', leaseUntil: null, finishedAt: expect.any(String) })
      expect(await plane.tasks.get(me, task.id)).toMatchObject({
        status: 'dev_done',
        notes: 'dev_1: Did it.',
        runId: null,
        lastRunId: made.id,
      })
      expect(await typesOf(made.id)).toEqual(['RUN_CREATED', 'RUN_STARTED', 'RUN_COMPLETED'])
      expect(await statusOf(made.id)).toBe('COMPLETED')
    })

    test('that is dry is COMPLETED and changes nothing for others: what needs its task waits on, and QA is not given it', async () => {
      const { create, plane, take, statusOf } = await bench(newDatabase)
      const dry = await create('Fix it', { options: { dry_run: true, model: 'haiku' } })
      const needs = await create('Use it', { dependsOn: [dry.taskId] })
      const { holder, task } = await take()
      const end = { kind: 'reported', status: 'dev_done', note: 'I would fix it.' } as const
      for (let twice = 0; twice < 2; twice++) expect(await plane.queue.conclude(me, holder, task.id, end)).toBe('reported')
      expect(await statusOf(dry.id)).toBe('COMPLETED')
      const said = (await plane.events.ofRun(me, dry.id)).at(-1)
      expect(said).toMatchObject({ type: 'RUN_COMPLETED', data: { status: 'pending', note: 'I would fix it.' } })
      expect(await plane.tasks.get(me, task.id)).toMatchObject({ status: 'pending', notes: 'dev_1: I would fix it.', runId: null })
      expect((await plane.tasks.get(me, needs.taskId)).blockedBy).toEqual([task.id])
      for (const agent of [dev(), qa()]) {
        expect(await plane.queue.look(me, agent)).toBeNull()
        expect(await plane.queue.next(me, agent)).toBeNull()
        expect(await plane.queue.claim(me, agent, task.id, newRunId())).toBeNull()
      }
      expect((await plane.runs.retry(me, dry.id)).options).toEqual({ dry_run: true, model: 'haiku' })
      const again = await take()
      await plane.queue.conclude(me, again.holder, task.id, end)
      await plane.tasks.requeue(me, task.id)
      const real = await take()
      expect(real).toMatchObject({ task: { id: task.id, plan: null }, run: { options: { model: 'haiku' } } })
      await plane.queue.conclude(me, real.holder, task.id, end)
      expect((await plane.tasks.get(me, task.id)).status).toBe('dev_done')
      expect((await plane.queue.look(me, dev()))?.id).toBe(needs.taskId)
    })

    test('a check makes a run of its own, and what it sends back waits in a new one', async () => {
      const { create, plane, take } = await bench(newDatabase)
      const first = await create('Fix it', { metadata: { ticket: 1 } })
      const work = await take()
      await plane.queue.conclude(me, work.holder, work.task.id, { kind: 'reported', status: 'dev_done', note: 'done' })
      expect((await plane.queue.look(me, qa()))?.runId).toBeNull()
      const brought = newRunId()
      const check = await take(qa(), { runId: brought })
      expect(check.run).toMatchObject({ id: brought, status: 'RUNNING', taskId: first.taskId, metadata: { ticket: 1 } })
      await plane.queue.conclude(me, check.holder, check.task.id, { kind: 'reported', status: 'created', note: 'Two findings.' })
      const { items } = await plane.runs.list(me, { taskId: first.taskId })
      expect(items.map(run => run.status)).toEqual(['QUEUED', 'COMPLETED', 'COMPLETED'])
      expect(await take()).toMatchObject({ run: { id: items[0]!.id }, task: { id: first.taskId } })
    })

    test('is FAILED when its task is parked, and says why', async () => {
      const { create, plane, take } = await bench(newDatabase)
      const { id } = await create()
      const { task, holder } = await take()
      await plane.queue.conclude(me, holder, task.id, { kind: 'parked', note: 'The budget is spent.' })
      expect(await plane.runs.get(me, id)).toMatchObject({ status: 'FAILED', error: 'The budget is spent.' })
      expect((await plane.tasks.get(me, task.id)).status).toBe('pending')
      expect(await plane.queue.look(me, dev())).toBeNull()
    })

    test('that is given back waits again with its history, and a late word of its holder changes nothing', async () => {
      const { create, plane, take, typesOf } = await bench(newDatabase)
      const { id } = await create()
      const { task, holder } = await take()
      const back = { kind: 'given_back', note: 'not now' } as const
      expect(await plane.queue.conclude(me, holder, task.id, back)).toBe('reported')
      expect(await plane.runs.get(me, id)).toMatchObject({ status: 'QUEUED', leaseUntil: null })
      const again = await take()
      expect(again.run).toMatchObject({ id, status: 'RUNNING', epoch: 2 })
      expect(await plane.queue.conclude(me, holder, task.id, back)).toBe('reported')
      expect(await plane.queue.conclude(me, holder, task.id, { kind: 'reported', status: 'dev_done', note: 'late' })).toBe('lost')
      expect(await plane.runs.get(me, id)).toMatchObject({ status: 'RUNNING', epoch: 2 })
      expect(await plane.queue.conclude(me, again.holder, task.id, { kind: 'reported', status: 'dev_done', note: '' })).toBe('reported')
      expect(await typesOf(id)).toEqual(['RUN_CREATED', 'RUN_STARTED', 'RUN_RECOVERED', 'RUN_STARTED', 'RUN_COMPLETED'])
    })

    test('can be tried again once it is over: a new run of the same task, like the one before', async () => {
      const { create, plane, take } = await bench(newDatabase)
      const { id, taskId } = await create('Fix it', { name: 'my run', options: { model: 'opus' }, metadata: { a: 1 } })
      await refused(plane.runs.retry(me, id), 'RUN_STATE', /QUEUED/)
      const { holder } = await take()
      await refused(plane.runs.retry(me, id), 'RUN_STATE', /RUNNING.*QUEUED/)
      await plane.queue.conclude(me, holder, taskId, { kind: 'parked', note: 'no' })
      const next = await plane.runs.retry(me, id)
      expect(next).toMatchObject({
        status: 'QUEUED',
        taskId,
        retryOf: id,
        name: 'my run',
        options: { model: 'opus' },
        metadata: { a: 1 },
        attempt: 1,
      })
      expect((await plane.tasks.get(me, taskId)).status).toBe('created')
      await refused(plane.runs.retry(me, id), 'RUN_STATE', new RegExp(`${next.id}.*QUEUED`))
      expect((await take()).run.id).toBe(next.id)
    })

    test('a check that is tried again is a check again', async () => {
      const { create, plane, take } = await bench(newDatabase)
      await create()
      const work = await take()
      await plane.queue.conclude(me, work.holder, work.task.id, { kind: 'reported', status: 'dev_done', note: '' })
      const check = await take(qa())
      await plane.queue.conclude(me, check.holder, check.task.id, { kind: 'parked', note: 'unclear' })
      const next = await plane.runs.retry(me, check.run.id)
      expect(await plane.queue.look(me, dev())).toBeNull()
      expect(await take(qa())).toMatchObject({ run: { id: next.id }, task: { id: work.task.id } })
    })

    test('cancel and requeue of a task end its run and make another', async () => {
      const { create, plane, statusOf } = await bench(newDatabase)
      const { id, taskId } = await create()
      await plane.tasks.cancel(me, taskId)
      expect(await statusOf(id)).toBe('STOPPED')
      const { runId } = await plane.tasks.requeue(me, taskId)
      expect(runId).not.toBe(id)
      expect(await statusOf(runId!)).toBe('QUEUED')
      await plane.tasks.requeue(me, taskId)
      expect((await plane.runs.list(me, { taskId })).items).toHaveLength(2)
    })

    test.each(['dev_done', 'pending', 'committed'])('moving its task to %s by hand stops it', async status => {
      const { create, plane, take, statusOf, typesOf } = await bench(newDatabase)
      const { id, taskId } = await create()
      const { holder } = await take()
      await plane.tasks.move(me, taskId, status)
      expect(await statusOf(id)).toBe('STOPPED')
      expect((await typesOf(id)).at(-1)).toBe('RUN_STOPPED')
      expect(await plane.queue.conclude(me, holder, taskId, { kind: 'reported', status: 'dev_done', note: 'late' })).toBe('lost')
    })
  })
}
