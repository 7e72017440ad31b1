import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { Kysely } from 'kysely'
import { expect, onTestFinished, test } from 'vitest'
import { openBoard } from '../../src/board/board.ts'
import { firstInQueue } from '../../src/board/queue/claims.ts'
import type { Schema } from '../../src/board/store/schema.ts'
import { NodeSqliteDialect } from '../../src/board/store/sqlite/sqlite-dialect.ts'
import { newRunId } from '../../src/core/ids.ts'
import { tempFolder } from '../support/temp.ts'

const dev = { id: 'dev_1', role: 'backend_dev', level: 'senior' } as const
const qa = { id: 'qa_1', role: 'qa', level: 'senior' } as const

async function boardWithDatabase() {
  const board = await openBoard(join(tempFolder(), 'agent-runner.db'))
  const { projectId } = await board.addTask({ title: 'first', role: 'nobody' })
  const database = new DatabaseSync(board.url)
  onTestFinished(() => {
    database.close()
    board.close()
  })
  return { board, database, projectId }
}

/** Adds tasks that are done, each with the history of one run. */
function addDone(database: DatabaseSync, from: number, to: number) {
  database.exec(`
    begin;
    with recursive n(i) as (select ${from} union all select i + 1 from n where i + 1 < ${to})
    insert into tasks (id, project_id, title, description, criteria, role, seniority, complexity, priority, status, notes, created_at, updated_at)
    select 'old_' || i, (select id from projects), 'old', '', '[]', 'backend_dev', 'junior', 'major', 0, 'dev_done', '', '2020', '2020' from n;
    insert into task_history (task_id, at, kind, who, run_id, epoch)
    select id, '2020', kind, 'dev_1', 'run_' || id, 1 from tasks, (select 'added' as kind union select 'claimed' union select 'reported')
    where id glob 'old_*' and id not in (select task_id from task_history);
    commit`)
}

test.each([
  [dev, 'tasks_by_role'],
  [qa, 'tasks_by_status'],
])('a look of $role walks one index in the order of the queue', async (agent, index) => {
  const { board, database, projectId } = await boardWithDatabase()
  addDone(database, 0, 2_000)
  const db = new Kysely<Schema>({ dialect: new NodeSqliteDialect(database, board.url) })
  const { sql, parameters } = firstInQueue(db.selectFrom('tasks'), { projectId }, agent).selectAll('tasks').compile()
  const plan = database.prepare(`explain query plan ${sql}`).all(...(parameters as string[]))
  const steps = plan.map(step => String(step.detail))
  expect(steps[0]).toMatch(new RegExp(`^SEARCH tasks USING INDEX ${index} \\(`))
  expect(steps.filter(step => /SCAN|TEMP B-TREE/.test(step))).toEqual([])
})

test.each([
  ['select kind from task_history where task_id = ? and run_id = ?', 'task_history_by_task|one_end_per_run'],
  ['select * from task_history where task_id = ? order by seq', 'task_history_by_task'],
  ['select * from mentions where agent_id = ? and read_at is null order by seq', 'mentions_by_agent'],
])('%s is answered by an index', async (sql, index) => {
  const { database } = await boardWithDatabase()
  const values = sql
    .split('?')
    .slice(1)
    .map(() => 'x')
  const steps = database.prepare(`explain query plan ${sql}`).all(...values)
  expect(steps.map(step => String(step.detail))).toEqual([expect.stringMatching(new RegExp(`SEARCH .* USING INDEX (${index}) `))])
})

test('look, claim and report take as long with 10,000 finished tasks as with 10', async () => {
  const { board, database } = await boardWithDatabase()
  const cycle = async () => {
    const { id } = await board.addTask({ title: 'new', role: dev.role })
    const began = performance.now()
    const task = await board.look(dev)
    const runId = newRunId()
    expect(await board.claim(dev, id, runId)).toBe('ours')
    expect(await board.report(dev, id, { status: 'qa_done', note: 'done', runId })).toBe('reported')
    await board.look(qa)
    expect(task?.id).toBe(id)
    return performance.now() - began
  }
  /** What the work itself takes, whatever else the machine does. */
  const least = async () => {
    const times: number[] = []
    for (let i = 0; i < 41; i++) times.push(await cycle())
    return Math.min(...times)
  }
  addDone(database, 0, 10)
  await least()
  const few = await least()
  addDone(database, 10, 10_000)
  const many = await least()
  expect(many / few).toBeLessThan(4)
})

test('a limit stands in the statement itself, since SQLite plans one with a place for it anew each time', async () => {
  const { board, database } = await boardWithDatabase()
  const db = new Kysely<Schema>({ dialect: new NodeSqliteDialect(database, board.url) })
  const { sql, parameters } = db.selectFrom('tasks').select('id').limit(7).compile()
  expect([sql, parameters]).toEqual(['select "id" from "tasks" limit 7', []])
})
