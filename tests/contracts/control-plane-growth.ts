import {
  DummyDriver,
  Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
} from 'kysely'
import { describe, expect, test } from 'vitest'
import { firstInQueue } from '../../src/board/queue/claims.ts'
import { runQuery, withStatus } from '../../src/board/runs/runs.ts'
import type { Schema } from '../../src/board/store/schema.ts'
import { bench, type Database, dev, me, type NewDatabase, qa, told } from './control-plane-fixture.ts'

const MANY = 20_000
const EVENTS_EACH = 5

/** Runs that are over, each with a task and a timeline, put there past the rules. */
async function fill(database: Database, projectId: string, from: number, to: number): Promise<void> {
  const numbers = `with recursive n(i) as (select ${from} union all select i + 1 from n where i + 1 < ${to})`
  await database.ask(`${numbers}
    insert into tasks (id, project_id, customer, title, description, criteria, role, seniority, complexity, priority, status, notes, created_at, updated_at)
    select 'tsk_old' || i, '${projectId}', '', 'old', '', '[]', 'fullstack_dev', 'junior', 'major', 0, 'dev_done', '', '2020', '2020' from n`)
  await database.ask(`${numbers}
    insert into runs (id, project_id, customer, task_id, name, goal, run_type, options, metadata, status, created_at, finished_at)
    select 'run_old' || i, '${projectId}', '', 'tsk_old' || i, 'old', 'old', 'task', '{}', '{}',
      case when i % 100 = 0 then 'FAILED' else 'COMPLETED' end, '2020', '2020' from n`)
  await database.ask(`insert into run_events (run, seq, type, at, data)
    with recursive e(k) as (select 1 union all select k + 1 from e where k < ${EVENTS_EACH})
    select runs.seq, k, 'LOG', '2020', '{}' from runs cross join e where runs.id like 'run_old%'
      and not exists (select 1 from run_events where run_events.run = runs.seq)`)
  await database.ask('analyze')
}

const compiler = (kind: 'sqlite' | 'postgres') =>
  new Kysely<Schema>({
    dialect:
      kind === 'sqlite'
        ? {
            createAdapter: () => new SqliteAdapter(),
            createDriver: () => new DummyDriver(),
            createIntrospector: db => new SqliteIntrospector(db),
            createQueryCompiler: () => new SqliteQueryCompiler(),
          }
        : {
            createAdapter: () => new PostgresAdapter(),
            createDriver: () => new DummyDriver(),
            createIntrospector: db => new PostgresIntrospector(db),
            createQueryCompiler: () => new PostgresQueryCompiler(),
          },
  })

/** What stays as quick however much there is. */
export function growthPromises(newDatabase: NewDatabase): void {
  describe('growth', () => {
    test(`pages, claims and timelines take as long with ${MANY} runs and ${MANY * EVENTS_EACH} events as with a few`, async () => {
      const { create, plane, project, database } = await bench(newDatabase)
      let n = 0
      const work = async () => {
        const times: Record<string, number> = {}
        const timed = async <T>(name: string, act: () => Promise<T>): Promise<T> => {
          const began = performance.now()
          const result = await act()
          times[name] = performance.now() - began
          return result
        }
        const agent = dev(`dev_${++n}`)
        const { id } = await timed('create', () => create())
        const claim = (await timed('next', () => plane.queue.next(me, agent)))!
        const holder = { agentId: agent.id, runId: id, epoch: claim.lease.epoch }
        await timed('publish', () => plane.queue.publish(me, holder, [told(1, 'agent_text'), told(2, 'agent_text')]))
        await timed('conclude', () => plane.queue.conclude(me, holder, claim.task.id, { kind: 'reported', status: 'qa_done', note: '' }))
        await timed('first page', () => plane.runs.list(me, { limit: 20 }))
        const middle = (await plane.runs.get(me, 'run_old50')).status && (await seqOf(database, 'run_old50'))
        await timed('deep page', () => plane.runs.list(me, { limit: 20, before: middle }))
        await timed('by status', () => plane.runs.list(me, { limit: 5, status: ['COMPLETED', 'FAILED'] }))
        await timed('by project and status', () => plane.runs.list(me, { limit: 5, status: ['FAILED'], projectId: project.id }))
        await timed('tasks', () => plane.tasks.list(me, { limit: 20, projectId: project.id }))
        await timed('one', () => plane.runs.get(me, 'run_old50'))
        await timed('timeline', () => plane.events.ofRun(me, 'run_old50'))
        const last = await timed('last', () => plane.events.last())
        await timed('news', () => plane.events.all(me, { after: last - 10 }))
        await timed('look', () => plane.queue.look(me, qa()))
        await timed('sweep', () => plane.queue.sweep())
        return times
      }
      /** The least of each: what the work itself takes, whatever else the machine does. */
      const least = async () => {
        const all: Record<string, number>[] = []
        for (let i = 0; i < 15; i++) all.push(await work())
        return Object.fromEntries(Object.keys(all[0]!).map(name => [name, Math.min(...all.map(times => times[name]!))]))
      }
      await fill(database, project.id, 0, 100)
      await least()
      const few = await least()
      await fill(database, project.id, 100, MANY)
      const many = await least()
      // What grew with their number would be a hundred times slower.
      for (const [name, ms] of Object.entries(many)) expect(ms, name).toBeLessThan(4 * few[name]! + 5)
    })

    test('a search comes page by page, each after some thousands of runs, until it has found the oldest', async () => {
      const { create, plane, project, database } = await bench(newDatabase)
      const { id } = await create('The needle')
      await fill(database, project.id, 0, 12_000)
      const found: string[] = []
      let pages = 0
      for (let before: number | null = null; pages === 0 || before !== null; pages++) {
        const page: { items: { id: string }[]; next: number | null } = await plane.runs.list(me, { text: 'needle', before })
        found.push(...page.items.map(run => run.id))
        before = page.next
      }
      expect([found, pages]).toEqual([[id], 3])
      expect(await plane.runs.list(me, { text: 'needle', status: ['QUEUED'] })).toMatchObject({ items: [{ id }], next: null })
      const both = await plane.runs.list(me, { text: 'old', status: ['FAILED', 'COMPLETED'], limit: 300 })
      expect(both.items.map(run => run.id)).toEqual(Array.from({ length: 300 }, (_, i) => `run_old${11_999 - i}`))
    })

    test('lists and the queue walk along indexes in their order', async () => {
      const { plane, project, database } = await bench(newDatabase)
      const other = await plane.projects.create(me, { name: 'other', localPath: '/srv/other' })
      await fill(database, project.id, 0, 5_000)
      await fill(database, other.id, 5_000, 10_000)
      const db = compiler(plane.kind)
      const queries = [
        runQuery(db, '', { before: 2_000 }).selectAll().limit(20),
        runQuery(db, '', { projectId: project.id }).selectAll().limit(20),
        withStatus(runQuery(db, '', { projectId: project.id }), 'FAILED')
          .selectAll()
          .limit(20),
        withStatus(runQuery(db, null, {}), 'FAILED')
          .selectAll()
          .limit(20),
        runQuery(db, null, { taskId: 'tsk_old7' }).selectAll().limit(20),
        firstInQueue(db.selectFrom('tasks'), { customer: '' }, dev()).selectAll('tasks'),
        firstInQueue(db.selectFrom('tasks'), { customer: '' }, qa()).selectAll('tasks'),
        firstInQueue(db.selectFrom('tasks'), { projectId: project.id }, dev()).selectAll('tasks'),
        firstInQueue(db.selectFrom('tasks'), { projectId: project.id }, qa()).selectAll('tasks'),
      ]
      for (const query of queries) {
        const { sql, parameters } = query.compile()
        const plan = await database.plan(sql, parameters)
        expect(plan, sql).toMatch(/index|primary key/i)
        expect(plan, sql).not.toMatch(/Seq Scan on "?(runs|tasks)|SCAN tasks|TEMP B-TREE FOR ORDER BY|Sort Key/)
      }
    })
  })
}

async function seqOf(database: Database, id: string): Promise<number> {
  return Number((await database.ask(`select seq from runs where id = '${id}'`))[0]!.seq)
}
