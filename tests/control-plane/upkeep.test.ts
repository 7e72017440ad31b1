import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, expect, onTestFinished, test, vi } from 'vitest'
import { openControlPlane } from '../../src/control-plane/control-plane.ts'
import { startUpkeep } from '../../src/control-plane/upkeep.ts'
import { dev, me } from '../contracts/control-plane-fixture.ts'
import { tempFolder } from '../support/temp.ts'

afterEach(() => {
  vi.useRealTimers()
})

test.for([
  { what: 'a run whose lease ran out is let go of', passed: 5_000, status: 'QUEUED' },
  { what: 'a run whose lease ran out while the server was asleep stays with its runner', passed: 3_600_000, status: 'RUNNING' },
  {
    what: 'a run whose lease ran out because the clock was set forward stays with its runner',
    passed: 365 * 86_400_000,
    status: 'RUNNING',
  },
])('$what', async ({ passed, status }) => {
  const file = join(tempFolder(), 'agent-runner.db')
  const plane = await openControlPlane(file)
  onTestFinished(() => plane.close())
  const project = await plane.projects.create(me, { name: 'shop', localPath: '/srv/shop' })
  const { id } = await plane.runs.create(me, { projectId: project.id, goal: 'Fix the login' })
  expect(await plane.queue.next(me, dev())).toMatchObject({ run: { id } })
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] })
  const faults: unknown[] = []
  const upkeep = startUpkeep(plane, { keep: {}, onFault: error => faults.push(error) })
  // Its first round is over once it has set its next one.
  await vi.waitUntil(() => vi.getTimerCount() === 2, { timeout: 10_000 })
  const database = new DatabaseSync(file)
  database.exec('update runs set lease_until = 1')
  database.close()
  vi.setSystemTime(Date.now() + passed)
  vi.advanceTimersByTime(5_000)
  await upkeep.stop()
  expect(faults).toEqual([])
  expect((await plane.runs.get(me, id)).status).toBe(status)
})
