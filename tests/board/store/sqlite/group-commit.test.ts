import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { sql } from 'kysely'
import { expect, onTestFinished, test } from 'vitest'
import { kyselyOn } from '../../../../src/board/store/pinned.ts'
import { groupCommit } from '../../../../src/board/store/sqlite/group-commit.ts'
import { NodeSqliteDialect } from '../../../../src/board/store/sqlite/sqlite-dialect.ts'
import { tempFolder } from '../../../support/temp.ts'

/** Counts how often it is asked to write to the disk. */
class Counting extends DatabaseSync {
  commits = 0

  override exec(statement: string): void {
    if (statement === 'commit') this.commits++
    super.exec(statement)
  }
}

function bench(longestMs?: number) {
  const file = join(tempFolder(), 'group.db')
  const database = new Counting(file)
  const reader = new DatabaseSync(file)
  onTestFinished(() => {
    for (const each of [database, reader]) if (each.isOpen) each.close()
  })
  database.exec('pragma journal_mode = wal; pragma foreign_keys = on')
  database.exec(`create table names (name text primary key);
    create table late (name text references names (name) deferrable initially deferred);
    create trigger fatal before insert on names when new.name = 'fatal' begin select raise(rollback, 'no room'); end`)
  const write = groupCommit(database, kyselyOn(new NodeSqliteDialect(database, file)), longestMs)
  return {
    database,
    write,
    add: (name: string, table = 'names') =>
      write(async db => {
        await sql`insert into ${sql.table(table)} (name) values (${name})`.execute(db)
        return name
      }),
    /** What another connection sees. */
    seen: () =>
      reader
        .prepare('select name from names order by name')
        .all()
        .map(row => row.name),
  }
}

test('writes that come at the same moment share one commit, and hear of it when others can see them', async () => {
  const { add, database, seen } = bench(60_000)
  const names = Array.from({ length: 20 }, (_, i) => `n${10 + i}`)
  const told = await Promise.all(names.map(name => add(name).then(own => [own, seen().length])))
  expect(told).toEqual(names.map(name => [name, 20]))
  expect(database.commits).toBe(1)
  await add('later')
  expect(database.commits).toBe(2)
})

test('one that fails leaves no trace and harms no other', async () => {
  const { add, write, seen } = bench()
  const half = write(async db => {
    await sql`insert into names (name) values ('half')`.execute(db)
    throw new Error('changed its mind')
  })
  const ends = await Promise.allSettled([add('one'), half, add('one'), add('two')])
  expect(ends.map(end => end.status)).toEqual(['fulfilled', 'rejected', 'rejected', 'fulfilled'])
  await expect(half).rejects.toThrow('changed its mind')
  expect(seen()).toEqual(['one', 'two'])
})

test('one that takes the whole transaction down fails alone', async () => {
  const { add, seen } = bench()
  const fatal = add('fatal')
  const ends = await Promise.allSettled([add('one'), fatal, add('two')])
  expect(ends.map(end => end.status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
  await expect(fatal).rejects.toThrow('no room')
  expect(seen()).toEqual(['one', 'two'])
})

test('one because of which nothing can be committed fails alone', async () => {
  const { add, seen } = bench()
  const ends = await Promise.allSettled([add('one'), add('nobody', 'late'), add('two')])
  expect(ends.map(end => end.status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
  expect(seen()).toEqual(['one', 'two'])
})

test('those that come while others are written are written next', async () => {
  const { add, seen } = bench()
  const names = Array.from({ length: 200 }, (_, i) => `n${100 + i}`)
  const next = (name: string): Promise<unknown> => add(name).then(() => add(`${name} again`))
  await Promise.all(names.map(next))
  expect(seen()).toHaveLength(400)
})

test('a database that was closed refuses all of them', async () => {
  const { add, database } = bench()
  await add('one')
  database.close()
  const ends = await Promise.allSettled([add('two'), add('three')])
  expect(ends.map(end => end.status)).toEqual(['rejected', 'rejected'])
})
