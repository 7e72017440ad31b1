import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect, onTestFinished, test } from 'vitest'
import { openBoard } from '../../../../src/board/board.ts'
import { openControlPlane } from '../../../../src/board/control-plane.ts'
import { migrate, SQLITE_MIGRATIONS } from '../../../../src/board/store/sqlite/sqlite-migrations.ts'
import { newRunId } from '../../../../src/core/ids.ts'
import { planeProcess } from '../../../support/board-process.ts'
import { tempFolder } from '../../../support/temp.ts'

const me = { customer: null, name: 'user' }
const dev = { id: 'dev_1', role: 'backend_dev', level: 'senior' } as const
const qa = { id: 'qa_1', role: 'qa', level: 'senior' } as const

/** A file as the first version left it: two repositories, with tasks in every state. */
function olderFile(): string {
  const file = join(tempFolder(), 'agent-runner.db')
  const database = new DatabaseSync(file)
  migrate(database, file, SQLITE_MIGRATIONS.slice(0, 1))
  const task = database.prepare(
    `insert into tasks (id, project, title, description, criteria, role, seniority, complexity, priority, status, notes, locked_by, locked_at, run_id, claimed_from, epoch, created_at, updated_at)
     values (?, ?, ?, 'All of it', '["works"]', ?, 'junior', 'major', 0, ?, 'pm: hello', ?, '2025-01-02', ?, ?, ?, '2025-01-01', '2025-01-02')`,
  )
  task.run('tsk_new', '/srv/shop', 'new', 'backend_dev', 'created', null, null, null, 0)
  task.run('tsk_held', '/srv/shop', 'held', 'backend_dev', 'under_work', 'dev_1', 'run_held', 'created', 1)
  task.run('tsk_done', '/srv/shop', 'done', 'backend_dev', 'dev_done', null, 'run_done', 'created', 1)
  task.run('tsk_parked', '/srv/shop', 'parked', 'backend_dev', 'pending', null, 'run_parked', 'created', 1)
  task.run('tsk_check', '/home/a/shop', 'check', 'qa', 'dev_done', null, null, null, 0)
  database.exec(`
    insert into task_dependencies values ('tsk_done', 'tsk_new');
    insert into task_history (task_id, at, kind, who, from_status, to_status, run_id, epoch) values
      ('tsk_held', '2025-01-02', 'claimed', 'dev_1', 'created', 'under_work', 'run_held', 1),
      ('tsk_done', '2025-01-02', 'reported', 'dev_1', 'under_work', 'dev_done', 'run_done', 1);
    insert into agents values ('dev_1', 'backend_dev', 'senior', '2025-01-01', '2025-01-02');
    insert into mentions (agent_id, task_id, sender, text, at) values ('dev_1', 'tsk_new', 'pm', '@dev_1 look', '2025-01-02');
  `)
  database.close()
  return file
}

async function openOlder(file: string) {
  const [plane, shop, other] = [
    await openControlPlane(file),
    await openBoard(file, { project: '/srv/shop' }),
    await openBoard(file, { project: '/home/a/shop' }),
  ]
  onTestFinished(async () => void (await Promise.all([plane.close(), shop.close(), other.close()])))
  return { plane, shop, other }
}

test('an older board keeps all that is in it; repositories become projects, open tasks get runs', async () => {
  const { plane, shop, other } = await openOlder(olderFile())
  const { items: projects } = await plane.projects.list(me)
  expect(projects.map(({ name, localPath }) => [name, localPath]).sort()).toEqual([
    ['shop', expect.any(String)],
    ['shop-2', expect.any(String)],
  ])
  expect((await shop.listTasks()).map(task => task.id)).toEqual(['tsk_parked', 'tsk_done', 'tsk_held', 'tsk_new'])
  expect((await other.listTasks()).map(task => task.id)).toEqual(['tsk_check'])
  expect(await shop.showTask('tsk_done')).toMatchObject({
    notes: 'pm: hello',
    criteria: ['works'],
    dependsOn: ['tsk_new'],
    runId: null,
    lastRunId: 'run_done',
  })
  const states = Object.fromEntries((await plane.runs.list(me)).items.map(run => [run.taskId, run.status]))
  expect(states).toEqual({ tsk_new: 'QUEUED', tsk_held: 'RUNNING', tsk_check: 'QUEUED' })
  expect(await shop.agents()).toMatchObject([{ id: 'dev_1', role: 'backend_dev', registeredAt: '2025-01-01' }])
  expect(await shop.mentions(dev)).toMatchObject([{ text: '@dev_1 look' }])
})

test('the runner that held a task goes on with it, and what waits is handed out', async () => {
  const { plane, shop, other } = await openOlder(olderFile())
  expect(await shop.holding(dev, 'tsk_held')).toBe('ours')
  await shop.publish(dev, 'run_held', [{ at: '2025-01-03', seq: 7, runId: 'run_held', agentId: 'dev_1', type: 'agent_text', text: 'hi' }])
  expect(await shop.report(dev, 'tsk_held', { status: 'dev_done', note: 'done', runId: 'run_held' })).toBe('reported')
  expect((await plane.runs.get(me, 'run_held')).status).toBe('COMPLETED')
  expect(await shop.report(dev, 'tsk_done', { status: 'dev_done', note: 'late', runId: 'run_done' })).toBe('reported')
  const next = (await shop.look(dev))!
  expect(next.id).toBe('tsk_new')
  expect(await shop.claim(dev, next.id, next.runId!)).toBe('ours')
  expect((await plane.runs.get(me, next.runId!)).status).toBe('RUNNING')
  expect((await shop.requeueTask('tsk_parked')).runId).toMatch(/^run_/)
  expect(await other.claim(qa, 'tsk_check', newRunId())).toBe('ours')
})

test('it is brought up to date once, also when several processes open it at the same moment', async () => {
  const file = olderFile()
  const openers = await Promise.all([1, 2, 3, 4].map(i => planeProcess(file, 'open', `dev_${i}`)))
  for (const opener of openers) opener.go()
  for (const opener of openers) expect(await opener.ended()).toEqual(['opened'])
  const { plane } = await openOlder(file)
  expect((await plane.runs.list(me)).items).toHaveLength(3)
})
