import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, expect, onTestFinished, test, vi } from 'vitest'
import { openControlPlane } from '../../src/board/control-plane.ts'
import { startUpkeep } from '../../src/board/upkeep.ts'
import { dev, me } from '../contracts/control-plane-fixture.ts'
import { HANGS_MS } from '../support/patience.ts'
import { tempFolder } from '../support/temp.ts'

afterEach(() => {
  vi.useRealTimers()
})

const HOUR_MS = 3_600_000

test.for([
  { what: 'a run whose lease ran out is let go of', passed: 5_000, set: 0, status: 'QUEUED' },
  { what: 'a run whose lease ran out while the server stood still stays with its runner', passed: HOUR_MS, set: 0, status: 'RUNNING' },
  { what: 'a run whose lease ran out while the machine slept stays with its runner', passed: 5_000, set: HOUR_MS, status: 'RUNNING' },
  { what: 'a run stays with its runner when the clock is set forward', passed: 5_000, set: 8_760 * HOUR_MS, status: 'RUNNING' },
  { what: 'a run stays with its runner when the clock is set back', passed: 5_000, set: -HOUR_MS, status: 'RUNNING' },
])('$what', async ({ passed, set, status }) => {
  const file = join(tempFolder(), 'agent-runner.db')
  // What the clock of the database is set by, it is beside the one that counts here.
  let beside = 0
  const plane = await openControlPlane(file, { now: () => performance.now() + beside })
  onTestFinished(() => plane.close())
  const project = await plane.projects.create(me, { name: 'shop', localPath: '/srv/shop' })
  const { id } = await plane.runs.create(me, { projectId: project.id, goal: 'Fix the login' })
  expect(await plane.queue.next(me, dev())).toMatchObject({ run: { id } })
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  const faults: unknown[] = []
  const upkeep = startUpkeep(plane, { keep: {}, onFault: error => faults.push(error) })
  // Its first round is over once it has set its next one.
  await vi.waitUntil(() => vi.getTimerCount() === 2, { timeout: HANGS_MS })
  const database = new DatabaseSync(file)
  database.exec('update runs set lease_until = 1')
  database.close()
  beside = (passed > 5_000 ? passed : 0) - set
  vi.advanceTimersByTime(5_000)
  await upkeep.stop()
  expect(faults).toEqual([])
  expect((await plane.runs.get(me, id)).status).toBe(status)
})

test('the deletion of very much is cut short by the end of the server, and goes on with the next', async () => {
  const { plane, left } = await withMuch()
  const all = left()
  const faults: unknown[] = []
  const upkeep = startUpkeep(plane, { keep: { eventDays: 1 }, onFault: error => faults.push(error) })
  await vi.waitUntil(() => left() < all, { timeout: HANGS_MS })
  // Others are served between two bites.
  const before = left()
  await plane.projects.create(me, { name: 'other', localPath: '/srv/other' })
  expect(before - left()).toBeLessThan(5_000)
  await upkeep.stop()
  const rest = left()
  expect(rest).toBeGreaterThan(0)
  expect(faults).toEqual([])
  const next = new AbortController()
  const going = plane.retain({ eventDays: 1 }, next.signal)
  await vi.waitUntil(() => left() < rest, { timeout: HANGS_MS })
  next.abort()
  expect(await going).toBe(rest - left())
})

test('others are served while a project with very much in it is deleted', async () => {
  const { plane, database, left } = await withMuch()
  const [project] = (await plane.projects.list(me)).items
  const all = left()
  let over = false
  const removing = plane.projects.remove(me, project!.id).then(() => {
    over = true
  })
  await vi.waitUntil(() => left() < all, { timeout: HANGS_MS })
  await plane.projects.create(me, { name: 'other', localPath: '/srv/other' })
  expect([over, left() > 0]).toEqual([false, true])
  await removing
  expect(left()).toBe(0)
  expect(database.prepare('select name from projects').all()).toEqual([{ name: 'other' }])
})

test('a server that starts goes on with the deletion of a project that was cut short', async () => {
  const { plane, database, left } = await withMuch()
  const [project] = (await plane.projects.list(me)).items
  const cut = new AbortController()
  const removing = plane.projects.remove(me, project!.id, cut.signal)
  cut.abort()
  await removing
  expect(left()).toBeGreaterThan(40_000)
  const faults: unknown[] = []
  const upkeep = startUpkeep(plane, { keep: {}, onFault: error => faults.push(error) })
  await vi.waitUntil(() => database.prepare('select id from projects').all().length === 0, { timeout: HANGS_MS })
  await upkeep.stop()
  expect([left(), faults]).toEqual([0, []])
})

/** A project with one run that is over, and 50,000 events of it. */
async function withMuch() {
  const file = join(tempFolder(), 'agent-runner.db')
  const plane = await openControlPlane(file)
  onTestFinished(() => plane.close())
  const project = await plane.projects.create(me, { name: 'shop', localPath: '/srv/shop' })
  const { id } = await plane.runs.create(me, { projectId: project.id, goal: 'Fix the login' })
  await plane.runs.stop(me, id)
  const database = new DatabaseSync(file)
  onTestFinished(() => database.close())
  database.exec(`with recursive n(i) as (select 10 union all select i + 1 from n where i < 50000)
    insert into run_events (run, seq, type, at, data) select 1, i, 'LOG', '2020-01-01', '{}' from n`)
  database.exec(`update runs set finished_at = '2020-01-01T00:00:00.000Z'`)
  return { plane, database, left: () => Number(database.prepare('select count(*) as n from run_events').get()!.n) }
}
