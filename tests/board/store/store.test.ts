import { statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, expect, onTestFinished, test } from 'vitest'
import { openBoard } from '../../../src/board/board.ts'
import { migrate, SQLITE_MIGRATIONS } from '../../../src/board/store/sqlite/sqlite-migrations.ts'
import { newRunId } from '../../../src/core/ids.ts'
import { boardProcess } from '../../support/board-process.ts'
import { tempFolder } from '../../support/temp.ts'
import { waitFor } from '../../support/wait-for.ts'

const agent = { id: 'dev_1', role: 'backend_dev', level: 'senior' } as const
const newFile = () => join(tempFolder(), 'agent-runner.db')

async function open(file: string) {
  const board = await openBoard(file)
  onTestFinished(() => board.close())
  return board
}

function raw(file: string) {
  const database = new DatabaseSync(file)
  onTestFinished(() => {
    if (database.isOpen) database.close()
  })
  return database
}

describe('many at once', () => {
  test('8 processes racing for 40 tasks take each exactly once', async () => {
    const board = await open(newFile())
    const ids: string[] = []
    for (let i = 0; i < 40; i++) ids.push((await board.addTask({ title: `task ${i}`, role: agent.role })).id)
    const racers = await Promise.all(Array.from({ length: 8 }, (_, i) => boardProcess(board.url, 'takeAll', `dev_${i}`)))
    for (const racer of racers) racer.go()
    const taken = await Promise.all(racers.map(racer => racer.ended()))
    expect(taken.flat().sort()).toEqual(ids.map(id => `reported ${id}`).sort())
    for (const [i, lines] of taken.entries()) {
      for (const line of lines) {
        const { status, history } = await board.showTask(line.split(' ')[1]!)
        expect(status).toBe('dev_done')
        expect(history.map(({ kind, who }) => [kind, who])).toEqual([
          ['added', 'user'],
          ['claimed', `dev_${i}`],
          ['reported', `dev_${i}`],
        ])
      }
    }
  })

  test('boards of one process on one file never wait for each other in vain', async () => {
    const file = newFile()
    const boards = await Promise.all(Array.from({ length: 5 }, () => open(file)))
    const added = await Promise.all(
      boards.flatMap((board, i) => [1, 2, 3].map(n => board.addTask({ title: `${i} ${n}`, role: agent.role }))),
    )
    const claims = await Promise.all(boards.map((board, i) => board.claim({ ...agent, id: `dev_${i}` }, added[0]!.id, newRunId())))
    expect(claims.filter(claim => claim === 'ours')).toHaveLength(1)
    expect(await boards[0]!.listTasks()).toHaveLength(15)
  })

  test('4 processes that open new files at the same moment all get on', async () => {
    const folder = tempFolder()
    const openers = await Promise.all([1, 2, 3, 4].map(i => boardProcess(folder, 'openMany', `dev_${i}`)))
    for (const opener of openers) opener.go()
    await Promise.all(openers.map(opener => opener.ended()))
    for (let i = 0; i < 15; i++) expect(await (await open(join(folder, `board-${i}.db`))).listTasks()).toHaveLength(4)
  })

  test('a write that another program holds up for too long fails as something to try again', async () => {
    const board = await open(newFile())
    const holder = raw(board.url)
    holder.exec('begin immediate')
    await expect(board.addTask({ title: 'one', role: agent.role })).rejects.toMatchObject({ code: 'TRACKER_UNREACHABLE', kind: 'retry' })
    expect(await board.listTasks()).toEqual([])
    holder.exec('rollback')
    await board.addTask({ title: 'one', role: agent.role })
  })
})

describe('a change', () => {
  test('is whole or not at all: when its history cannot be written, nothing is', async () => {
    const board = await open(newFile())
    const runId = newRunId()
    const [held, free] = [
      await board.addTask({ title: 'held', role: agent.role }),
      await board.addTask({ title: 'free', role: agent.role }),
    ]
    await board.claim(agent, held.id, runId)
    raw(board.url).exec(`create trigger full before insert on task_history begin select raise(abort, 'no more history'); end`)
    const before = [await board.showTask(held.id), await board.showTask(free.id)]
    const changes = [
      () => board.addTask({ title: 'new', role: agent.role, dependsOn: [free.id] }),
      () => board.claim({ ...agent, id: 'dev_2' }, free.id, newRunId()),
      () => board.claim(agent, held.id, newRunId()),
      () => board.report(agent, held.id, { status: 'dev_done', note: 'done', runId }),
      () => board.cancelTask(held.id),
      () => board.addNote(free.id, 'hello @dev_1'),
    ]
    for (const change of changes) await expect(change()).rejects.toThrow('no more history')
    expect(await board.listTasks()).toHaveLength(2)
    expect([await board.showTask(held.id), await board.showTask(free.id)]).toEqual(before)
    expect(await board.mentions(agent)).toEqual([])
  })
})

describe('a kill', () => {
  test('in the middle of writes leaves a whole file in which everything confirmed is found', async () => {
    const file = newFile()
    const confirmed = { added: new Set<string>(), claimed: new Set<string>(), reported: new Set<string>() }
    for (let round = 0; round < 6; round++) {
      const writer = await boardProcess(file, 'writeForEver', `dev_${round}`)
      writer.go()
      const enough = 5 + round * 3
      await waitFor('some writes', () => writer.lines.length >= enough)
      writer.kill()
      for (const line of await writer.ended()) {
        const [what, id] = line.split(' ') as [keyof typeof confirmed, string]
        confirmed[what].add(id)
      }
    }
    const database = raw(file)
    expect(database.prepare('pragma integrity_check').all()).toEqual([{ integrity_check: 'ok' }])
    expect(database.prepare('pragma foreign_key_check').all()).toEqual([])
    const board = await open(file)
    const tasks = await Promise.all((await board.listTasks()).map(task => board.showTask(task.id)))
    const kinds = new Map(tasks.map(task => [task.id, task.history.map(line => line.kind)]))
    for (const [kind, ids] of Object.entries(confirmed)) for (const id of ids) expect(kinds.get(id)).toContain(kind)
    // Status and history were written together or not at all.
    for (const task of tasks) expect(task.history.at(-1)!.to).toBe(task.status)
    expect(confirmed.reported.size).toBeGreaterThan(6)
  })
})

describe('the tables', () => {
  test('an older file is brought up to date with all that is in it, also by several at once', async () => {
    const file = newFile()
    const board = await open(file)
    const { id } = await board.addTask({ title: 'kept', role: agent.role })
    const newer = [...SQLITE_MIGRATIONS, 'alter table tasks add column colour text not null default "grey"']
    const databases = [raw(file), raw(file)]
    for (const database of databases) migrate(database, file, newer)
    expect(databases[0]!.prepare('select id, colour from tasks').all()).toEqual([{ id, colour: 'grey' }])
    expect(databases[1]!.prepare('pragma user_version').get()).toEqual({ user_version: newer.length })
  })

  test('opening a new file gets on when another process writes to it at the same moment', async () => {
    const file = newFile()
    const writer = raw(file)
    migrate(writer, file)
    writer.exec('begin immediate')
    const opening = open(file)
    writer.exec('rollback')
    expect(await (await opening).listTasks()).toEqual([])
    expect(raw(file).prepare('pragma journal_mode').get()).toEqual({ journal_mode: 'wal' })
  })

  test('a step that fails leaves the file as it was', async () => {
    const file = newFile()
    await (await open(file)).addTask({ title: 'kept', role: agent.role })
    const database = raw(file)
    expect(() => migrate(database, file, [...SQLITE_MIGRATIONS, 'drop table mentions; select nonsense'])).toThrow('nonsense')
    expect(database.prepare('pragma user_version').get()).toEqual({ user_version: SQLITE_MIGRATIONS.length })
    expect(database.prepare('select count(*) as n from mentions').get()).toEqual({ n: 0 })
    expect(database.isTransaction).toBe(false)
  })

  test('a file of a newer version is refused with a clear line and left alone', async () => {
    const file = newFile()
    const database = raw(file)
    database.exec('create table future (x); pragma user_version = 99')
    await expect(openBoard(file)).rejects.toMatchObject({
      code: 'STATE_UNUSABLE',
      exitCode: 73,
      message: expect.stringMatching(/newer agent-runner: its version is 99/),
    })
    expect(database.prepare('select name from sqlite_schema').all()).toEqual([{ name: 'future' }])
    expect(database.prepare('pragma journal_mode').get()).toEqual({ journal_mode: 'delete' })
  })

  test('a file that is no database is refused and left as it is', async () => {
    const file = newFile()
    writeFileSync(file, 'my notes, not a database\n'.repeat(100))
    const size = statSync(file).size
    await expect(openBoard(file)).rejects.toMatchObject({ code: 'STATE_UNUSABLE', message: expect.stringContaining(file) })
    expect(statSync(file).size).toBe(size)
  })

  test('folder and file are for their owner alone, and confirmed writes are on the disk', async () => {
    const file = join(tempFolder(), 'state', 'agent-runner.db')
    const board = await open(file)
    await board.addTask({ title: 'one', role: agent.role })
    expect(statSync(join(file, '..')).mode & 0o777).toBe(0o700)
    for (const name of [file, `${file}-wal`, `${file}-shm`]) expect(statSync(name).mode & 0o777).toBe(0o600)
    expect(raw(file).prepare('pragma journal_mode').get()).toEqual({ journal_mode: 'wal' })
  })

  test('the database itself refuses a second end of a run and a lock without work', async () => {
    const board = await open(newFile())
    const { id } = await board.addTask({ title: 'one', role: agent.role })
    const runId = newRunId()
    await board.claim(agent, id, runId)
    await board.report(agent, id, { status: 'dev_done', note: '', runId })
    const database = raw(board.url)
    const again = `insert into task_history (task_id, at, kind, who, run_id, epoch) values ('${id}', '', 'parked', 'x', '${runId}', 1)`
    expect(() => database.exec(again)).toThrow('UNIQUE')
    expect(() => database.exec(`update tasks set locked_by = 'x'`)).toThrow('CHECK')
  })
})
