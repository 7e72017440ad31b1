import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { Command } from 'commander'
import { afterEach, expect, onTestFinished, test } from 'vitest'
import { openBoard } from '../../src/board/board.ts'
import { POSTGRES_MIGRATIONS } from '../../src/board/store/postgres/postgres-migrations.ts'
import { SQLITE_MIGRATIONS } from '../../src/board/store/sqlite/sqlite-migrations.ts'
import { dbCommand } from '../../src/cli/db.ts'
import { commandIo } from '../support/command-io.ts'
import { gitRepo } from '../support/git-repo.ts'
import { postgresServer } from '../support/postgres.ts'
import { tempFolder } from '../support/temp.ts'

const server = postgresServer()
afterEach(() => {
  process.exitCode = undefined
})

/** A state folder with a database of three tasks; `run` calls the command line as a shell would. */
async function desk() {
  const home = tempFolder()
  const repo = gitRepo()
  const file = join(home, 'agent-runner.db')
  const board = await openBoard(file, { project: repo })
  onTestFinished(() => board.close())
  for (const title of ['one', 'two', 'three']) await board.addTask({ title, role: 'backend_dev', description: 'x'.repeat(50_000) })
  const run = async (...args: string[]) => {
    const io = commandIo(home, { cwd: repo })
    const program = new Command('agent-runner').exitOverride().configureOutput({ writeErr: () => {} })
    dbCommand(program, () => io)
    await program.parseAsync(['db', ...args], { from: 'user' })
    return io.stdout.text()
  }
  return { home, repo, file, board, run }
}

test('check says that it is sound and what is in it', async () => {
  const { file, run } = await desk()
  expect(await run('check')).toMatch(
    new RegExp(`^${file}: sound\nversion ${SQLITE_MIGRATIONS.length}, .*KiB\nprojects 1, tasks 3, runs 3, events 3, workers 0, keys 0\n$`),
  )
  expect(process.exitCode).toBe(0)
  expect(JSON.parse(await run('check', '--json'))).toMatchObject({
    url: file,
    kind: 'sqlite',
    version: SQLITE_MIGRATIONS.length,
    counts: { tasks: 3 },
    problems: [],
  })
})

test('check finds rows without their parents and a newer version, and ends with 73', async () => {
  const { file, run } = await desk()
  const database = new DatabaseSync(file, { enableForeignKeyConstraints: false })
  database.exec(`delete from tasks where title = 'one'; pragma user_version = 99`)
  database.close()
  const { problems } = JSON.parse(await run('check', '--json'))
  expect(problems).toEqual([
    expect.stringMatching(/^runs row 1 .* tasks/),
    expect.stringMatching(/^task_history row 1 .* tasks/),
    expect.stringContaining('newer'),
  ])
  expect(process.exitCode).toBe(73)
})

test('check sees damage inside of the file', async () => {
  const { file, board, run } = await desk()
  await board.close()
  const database = new DatabaseSync(file)
  database.exec('pragma wal_checkpoint(truncate)')
  const page = Number(database.prepare(`select rootpage from sqlite_schema where name = 'tasks_by_role'`).get()!.rootpage)
  const bytes = Number(database.prepare('pragma page_size').get()!.page_size)
  database.close()
  const content = readFileSync(file)
  content.fill(7, (page - 1) * bytes + 8, page * bytes)
  writeFileSync(file, content)
  const found = await run('check', '--json').then(
    text => JSON.parse(text).problems.length,
    error => error.code,
  )
  expect(found === 'STATE_UNUSABLE' || found > 0).toBe(true)
})

test('a backup is whole, for its owner alone, made while others write, and overwrites nothing', async () => {
  const { repo, board, run } = await desk()
  const copy = join(repo, 'copy.db')
  const adding = board.addTask({ title: 'four', role: 'backend_dev' })
  expect(await run('backup', 'copy.db')).toMatch(/copy\.db \(\d+ KiB\)\n$/)
  await adding
  expect(statSync(copy).mode & 0o777).toBe(0o600)
  const restored = await openBoard(copy, { project: repo })
  onTestFinished(() => restored.close())
  expect((await restored.listTasks()).map(task => task.title).slice(-3)).toEqual(['three', 'two', 'one'])
  const before = readFileSync(copy)
  await expect(run('backup', 'copy.db')).rejects.toMatchObject({ code: 'EXISTS', message: expect.stringContaining(copy) })
  expect(readFileSync(copy)).toEqual(before)
})

test('a backup that fails leaves no file behind', async () => {
  const { home, repo, run } = await desk()
  writeFileSync(join(home, 'not-a-database'), 'my notes\n'.repeat(100))
  await expect(run('backup', 'copy.db', '--database', join(home, 'not-a-database'))).rejects.toMatchObject({ code: 'STATE_UNUSABLE' })
  expect(existsSync(join(repo, 'copy.db'))).toBe(false)
})

test('vacuum gives back the room of what was deleted', async () => {
  const { file, run } = await desk()
  const database = new DatabaseSync(file)
  database.exec('delete from runs; delete from tasks')
  database.close()
  const { before, after } = JSON.parse(await run('vacuum', '--json'))
  expect(after).toBeLessThan(before - 100_000)
  expect(statSync(file).size).toBe(after)
  expect(JSON.parse(await run('check', '--json'))).toMatchObject({ counts: { tasks: 0 }, problems: [] })
})

test('where there is no database none is made', async () => {
  const { home, run } = await desk()
  for (const args of [['check'], ['vacuum'], ['backup', 'copy.db']])
    await expect(run(...args, '--database', join(home, 'none.db'))).rejects.toMatchObject({ code: 'STATE_UNUSABLE', exitCode: 73 })
  expect(existsSync(join(home, 'none.db'))).toBe(false)
})

test('a PostgreSQL database is checked; for the rest it says what to use instead', async () => {
  const { run } = await desk()
  const url = await server.database()
  expect(JSON.parse(await run('check', '--json', '--database', url))).toMatchObject({
    kind: 'postgres',
    version: 0,
    counts: {},
    problems: [],
  })
  await (await openBoard(url)).close()
  expect(JSON.parse(await run('check', '--json', '--database', url))).toMatchObject({
    version: POSTGRES_MIGRATIONS.length,
    knows: POSTGRES_MIGRATIONS.length,
    counts: { tasks: 0, runs: 0 },
  })
  await expect(run('backup', 'copy.db', '--database', url)).rejects.toMatchObject({
    code: 'USAGE',
    message: expect.stringContaining('pg_dump'),
  })
  await expect(run('vacuum', '--database', url)).rejects.toMatchObject({ code: 'USAGE', message: expect.stringContaining('autovacuum') })
  const away = url.replace('host=', 'host=/nowhere')
  await expect(run('check', '--database', away)).rejects.toMatchObject({ code: 'TRACKER_UNREACHABLE' })
})
