import { existsSync, readdirSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect, test } from 'vitest'
import { openBoard } from '../../../../src/board/board.ts'
import { migrate, SQLITE_MIGRATIONS } from '../../../../src/board/store/sqlite/sqlite-migrations.ts'
import { tempFolder } from '../../../support/temp.ts'

const dev = { id: 'dev_1', role: 'backend_dev', level: 'senior' } as const
const draft = { title: 'Make it so', role: 'backend_dev' } as const
const project = '/srv/shop'

/** Everything of a folder that a look could change: names, sizes and times, its own too. */
function traces(folder: string): string[] {
  const of = (path: string) => `${path} ${statSync(path).size} ${statSync(path, { bigint: true }).mtimeNs}`
  return [folder, ...readdirSync(folder).map(name => join(folder, name))].filter(path => !path.endsWith('-shm')).map(of)
}

test('a look at a board at rest sees what is on it and leaves no trace', async () => {
  const file = join(tempFolder(), 'agent-runner.db')
  const board = await openBoard(file, { project })
  const { id } = await board.addTask(draft)
  await board.close()
  const before = traces(dirname(file))
  const look = await openBoard(file, { project, look: true })
  expect((await look.look(dev))?.id).toBe(id)
  await expect(look.claim(dev, id, 'run_1')).rejects.toMatchObject({ code: 'STATE_UNUSABLE' })
  await look.close()
  expect(traces(dirname(file))).toEqual(before)
})

test('a look sees what another connection has written a moment ago, and leaves no trace beside it', async () => {
  const file = join(tempFolder(), 'agent-runner.db')
  const board = await openBoard(file, { project })
  const { id } = await board.addTask(draft)
  const before = traces(dirname(file))
  const look = await openBoard(file, { project, look: true })
  expect((await look.listTasks()).map(task => task.id)).toEqual([id])
  await look.close()
  expect(traces(dirname(file))).toEqual(before)
  await board.close()
})

test('a missing board looks like an empty one and is not made', async () => {
  const file = join(tempFolder(), 'state', 'agent-runner.db')
  const look = await openBoard(file, { project, look: true })
  expect(await look.look(dev)).toBeNull()
  expect(await look.listTasks()).toEqual([])
  await look.close()
  expect(existsSync(dirname(file))).toBe(false)
})

test('a board of an older version is looked at as it will be, and stays as it is', async () => {
  const file = join(tempFolder(), 'agent-runner.db')
  const database = new DatabaseSync(file)
  migrate(database, file, SQLITE_MIGRATIONS.slice(0, 1))
  database.exec(`insert into tasks (id, project, title, description, criteria, role, seniority, complexity, priority, status, notes, epoch, created_at, updated_at)
    values ('tsk_old', '${project}', 'old', '', '[]', 'backend_dev', 'junior', 'major', 0, 'created', '', 0, '2025-01-01', '2025-01-01')`)
  database.close()
  const before = traces(dirname(file))
  const look = await openBoard(file, { project, look: true })
  expect((await look.look(dev))?.id).toBe('tsk_old')
  await look.close()
  expect(traces(dirname(file))).toEqual(before)
})

test('a board of a newer version is refused, and so is what is no database', async () => {
  const file = join(tempFolder(), 'agent-runner.db')
  const database = new DatabaseSync(file)
  database.exec('pragma user_version = 1000')
  database.close()
  await expect(openBoard(file, { look: true })).rejects.toMatchObject({ code: 'STATE_UNUSABLE', message: expect.stringContaining('newer') })
  await expect(openBoard(dirname(file), { look: true })).rejects.toMatchObject({ code: 'STATE_UNUSABLE' })
})
