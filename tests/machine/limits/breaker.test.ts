import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { endOf, leftOf } from '../../../src/core/wait.ts'
import { openBreaker } from '../../../src/machine/limits/breaker.ts'
import { fakeClock } from '../../support/fake-clock.ts'
import { tempFolder } from '../../support/temp.ts'

const MINUTE = 60_000

function stage() {
  const home = tempFolder()
  const clock = fakeClock()
  const open = (agentId = 'dev_001') => openBreaker({ home, agentId, clock })
  return { home, clock, open }
}

const failure = (taskId: string, reason: 'api_error' | 'api_unreachable' | 'crashed' = 'api_error') => ({ reason, said: 'no', taskId })

test('ends in a row are counted over tasks, causes and restarts; each pause follows from their number', () => {
  const { clock, open } = stage()
  expect(open().current()).toBe(null)
  const since = clock.now()
  open().failed(failure('t1'), n => n * MINUTE)
  const outage = open().failed(failure('t2', 'api_unreachable'), n => n * MINUTE)
  expect(outage).toMatchObject({ reason: 'api_unreachable', ends: 2, tasks: ['t1', 't2'], since })
  expect(open().current()).toEqual(outage)
  expect(endOf(outage.wait, clock)).toBe(since + 2 * MINUTE)
})

test('one that got through begins the count anew', () => {
  const { home, open } = stage()
  open().failed(failure('t1'), () => MINUTE)
  open().mended()
  expect(open().current()).toBe(null)
  expect(open().failed(failure('t1'), () => MINUTE).ends).toBe(1)
  open().mended()
  open().mended()
  expect(readdirSync(join(home, 'outages'))).toEqual([])
})

test('a wall clock that is set neither ends nor prolongs the pause', () => {
  const { clock, open } = stage()
  const breaker = open()
  breaker.failed(failure('t1'), () => MINUTE)
  clock.set(3_600_000)
  expect(leftOf(breaker.current()!.wait, clock)).toBe(MINUTE)
  expect(leftOf(open().current()!.wait, clock)).toBe(MINUTE)
})

test('each agent has its own', () => {
  const { open } = stage()
  open('dev_001').failed(failure('t1'), () => MINUTE)
  expect(open('dev_002').current()).toBe(null)
})

test('yesterday’s says nothing of today', () => {
  const { clock, open } = stage()
  open().failed(failure('t1'), () => MINUTE)
  clock.set(25 * 3_600_000)
  expect(open().current()).toBe(null)
})

test.each(['', '{', '{"version":2}', 'x'.repeat(100_000)])('a file that is broken is as good as none', text => {
  const { home, open } = stage()
  open().failed(failure('t1'), () => MINUTE)
  writeFileSync(join(home, 'outages/dev_001.json'), text)
  expect(open().current()).toBe(null)
  expect(open().failed(failure('t2'), () => MINUTE).ends).toBe(1)
})
