import { sql } from 'kysely'
import { describe, expect, onTestFinished, test } from 'vitest'
import { openPostgresStore } from '../../../../src/board/store/postgres/postgres-store.ts'
import { controlPlaneKeepsItsPromises, type Database } from '../../../contracts/control-plane.ts'
import { bench, dev, me, told } from '../../../contracts/control-plane-fixture.ts'
import { postgresServer } from '../../../support/postgres.ts'
import { waitFor } from '../../../support/wait-for.ts'

const server = postgresServer()

async function newDatabase(): Promise<Database> {
  const url = await server.database()
  const plan = async (sql: string, parameters: readonly unknown[]) =>
    (await server.ask(url, `explain ${sql}`, parameters)).map(row => row['QUERY PLAN']).join('\n')
  return { url, ask: sql => server.ask(url, sql), plan }
}

controlPlaneKeepsItsPromises('PostgreSQL', newDatabase)

describe('transactions of several connections', () => {
  const asleep = (database: Database) =>
    waitFor('a transaction that takes its time', async () => {
      const [row] = await database.ask(`select count(*) as n from pg_stat_activity where wait_event = 'PgSleep'`)
      return Number(row!.n) > 0
    })

  /** From now on such a change takes half a second, at the end of which it is not committed yet. */
  async function slow(database: Database, when: string): Promise<void> {
    await database.ask(`create function take_time() returns trigger language plpgsql as $$ begin perform pg_sleep(0.5); return new; end $$`)
    await database.ask(`create trigger take_time ${when} execute function take_time()`)
  }

  test('an event is seen only after all with smaller cursors, whoever commits first', async () => {
    const { create, plane, take, open, database } = await bench(newDatabase)
    await create('one')
    await create('two')
    const [one, two] = [await take(dev('dev_1')), await take(dev('dev_2'))]
    await slow(database, `after insert on run_events for each row when (new.type = 'AGENT_THINKING')`)
    const writing = plane.queue.publish(me, one.holder, [told(1, 'agent_thinking')])
    await asleep(database)
    await (await open()).queue.publish(me, two.holder, [told(1, 'agent_text')])
    expect((await plane.events.all(me)).map(event => event.type).slice(-2)).toEqual(['AGENT_THINKING', 'LOG'])
    await writing
  })

  test('a run ends in good order while its runner tells that it was paused', async () => {
    const { create, plane, take, open, database, statusOf } = await bench(newDatabase)
    const { id, taskId } = await create()
    const { holder } = await take()
    await slow(database, `after update of status on runs for each row when (new.status = 'PAUSED')`)
    const pausing = plane.queue.publish(me, holder, [told(1, 'run_paused')])
    await asleep(database)
    expect(await (await open()).queue.conclude(me, holder, taskId, { kind: 'parked', note: 'no' })).toBe('reported')
    await pausing
    expect(await statusOf(id)).toBe('FAILED')
  })

  test('two that wait for each other do not fail: one of them is done after the other', async () => {
    const { create, plane, open, database } = await bench(newDatabase)
    const [first, second] = [await create('one'), await create('two')]
    await slow(database, `after update of notes on tasks for each row when (new.notes like '%slow')`)
    const other = await open()
    const inOrder = (ids: string[], by: typeof plane) =>
      by.once({ ...me, customer: ids.join() }, { key: 'k', method: 'POST', path: '/', body: null }, async inside => {
        for (const id of ids) await inside.tasks.note(me, id, 'slow')
        return { status: 200, body: null }
      })
    await Promise.all([inOrder([first.taskId, second.taskId], plane), inOrder([second.taskId, first.taskId], other)])
    for (const { taskId } of [first, second]) expect((await plane.tasks.get(me, taskId)).notes).toBe('user: slow\n\nuser: slow')
  })
})

describe('a change', () => {
  const event = { type: 'LOG', at: '2026-01-01T00:00:00.000Z', data: '{}', source: 'dev_1', source_seq: 1 }

  test('whose events cannot be written fails with the reason, and leaves nothing', async () => {
    const { url, ask } = await newDatabase()
    const store = await openPostgresStore(url)
    onTestFinished(() => store.close())
    const add = (agent: string) =>
      store.write(async db => {
        const row = { id: agent, customer: '', agent_id: agent, role: 'qa', level: 'senior', registered_at: '', last_seen: '' } as const
        await db.insertInto('workers').values(row).execute()
        await store.differs.addEvents(db, 7, [event])
      })
    await add('dev_1')
    await expect(add('dev_2')).rejects.toMatchObject({ code: '23505', message: expect.stringContaining('run_events_by_source') })
    expect(await ask('select id from workers')).toEqual([{ id: 'dev_1' }])
    // The connection is as good as before.
    await store.write(async db => store.differs.addEvents(db, 7, [{ ...event, source_seq: 2 }]))
    expect(await ask('select seq from run_events order by cursor')).toEqual([{ seq: 1 }, { seq: 2 }])
  })
})

test('a change whose statement fails while nobody waits for it fails for that reason, not for what was refused afterwards', async () => {
  const { url } = await newDatabase()
  const store = await openPostgresStore(url)
  onTestFinished(() => store.close())
  const change = store.write(async db => {
    const unawaited = sql`select 1 / 0`.execute(db)
    unawaited.catch(() => {})
    await db.selectFrom('workers').selectAll().execute()
  })
  await expect(change).rejects.toMatchObject({ code: '22012' })
})

describe('the server', () => {
  test('that cannot be reached, or refuses, says so without the password', async () => {
    const url = await server.database()
    const { openControlPlane } = await import('../../../../src/board/control-plane.ts')
    const away = 'postgres://me:secret@127.0.0.1:1/none'
    await expect(openControlPlane(away)).rejects.toMatchObject({
      code: 'TRACKER_UNREACHABLE',
      kind: 'retry',
      message: expect.stringContaining('***'),
    })
    await expect(openControlPlane(away)).rejects.toMatchObject({ message: expect.not.stringContaining('secret') })
    const none = url.replace(/test_\d+/, 'no_such_database')
    await expect(openControlPlane(none)).rejects.toMatchObject({ code: 'STATE_UNUSABLE', exitCode: 73 })
  })

  test('that was made by a newer version is left alone', async () => {
    const url = await server.database()
    const { openControlPlane } = await import('../../../../src/board/control-plane.ts')
    await (await openControlPlane(url)).close()
    await server.ask(url, 'update agent_runner_version set version = 99')
    await expect(openControlPlane(url)).rejects.toMatchObject({ code: 'STATE_UNUSABLE', message: expect.stringContaining('newer') })
  })

  test('that cuts all connections is used again, and who waits hears of what comes after', async () => {
    const { create, plane, database } = await bench(newDatabase)
    const signal = new AbortController().signal
    await plane.changed(plane.mark(), 2_000, signal)
    await database.ask(
      'select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and datname = current_database()',
    )
    const made = await waitFor('a connection', () => create().catch(error => (error.kind === 'retry' ? null : Promise.reject(error))))
    expect((await plane.runs.get(me, made.id)).status).toBe('QUEUED')
    await waitFor('the ear to be back', async () => {
      const [row] = await database.ask(
        `select count(*) as n from pg_stat_activity where query = 'listen agent_runner_events' and datname = current_database()`,
      )
      return Number(row!.n) === 1
    })
    const mark = plane.mark()
    const waiting = plane.changed(mark, 10_000, signal)
    await create()
    expect(await waiting).toBe(true)
  })

  test('has no connection of ours any more once it is closed', async () => {
    const { create, plane, database } = await bench(newDatabase)
    await create()
    plane.mark()
    await plane.close()
    await waitFor('no connection', async () => {
      const [row] = await database.ask(
        `select count(*) as n from pg_stat_activity where application_name = 'agent-runner' and datname = current_database()`,
      )
      return Number(row!.n) === 0
    })
  })
})
