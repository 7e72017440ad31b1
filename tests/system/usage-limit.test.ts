import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openUsageLimit } from '../../src/system/usage-limit.ts'
import { tempFolder } from '../support/temp.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR

/** Runners on one state folder, with a clock that can be set. */
function machine(home = tempFolder()) {
  const clock = { now: 1_800_000_000_000 }
  const runner = (account: string | (() => string) = 'a1') =>
    openUsageLimit({ home, account: typeof account === 'string' ? () => account : account, now: () => clock.now })
  return { home, clock, runner, file: join(home, 'limits/a1.json') }
}

test('what one runner meets, every runner of the account waits for, also one that starts later, until it is over', () => {
  const { clock, runner } = machine()
  const [one, other] = [runner(), runner()]
  expect(other.until()).toBeNull()
  one.reached(clock.now + HOUR)
  const until = clock.now + HOUR
  expect([one.until(), other.until(), runner().until()]).toEqual([until, until, until])
  clock.now = until
  expect(other.until()).toBeNull()
})

test('another account does not wait, and a runner whose account was changed goes on', () => {
  const { clock, runner } = machine()
  let account = 'a1'
  const changing = runner(() => account)
  runner().reached(clock.now + HOUR)
  expect(runner('b2').until()).toBeNull()
  expect(changing.until()).toBe(clock.now + HOUR)
  account = 'b2'
  expect(changing.until()).toBeNull()
})

test('of two limits the longer one holds', () => {
  const { clock, runner } = machine()
  runner().reached(clock.now + DAY)
  runner().reached(clock.now + HOUR)
  expect(runner().until()).toBe(clock.now + DAY)
})

test('a limit that is over when it is told leaves nothing behind', () => {
  const { home, clock, runner } = machine()
  runner().reached(clock.now - 1)
  expect(readdirSync(home)).toEqual([])
})

test('a clock that is set back by a year, or a week, does not make anybody wait', () => {
  const { clock, runner } = machine()
  for (const jump of [365 * DAY, 7 * DAY, HOUR]) {
    runner().reached(clock.now + 2 * HOUR)
    clock.now -= jump
    expect(runner().until()).toBeNull()
  }
})

test('a file that is broken, too large, or tells of a time that cannot be is as good as none, and is replaced', () => {
  const { home, clock, runner, file } = machine()
  mkdirSync(join(home, 'limits'))
  const bad = { version: 1, until: clock.now + 365 * DAY, noted_at: clock.now }
  for (const text of ['', '{', 'null', '{"version":2}', JSON.stringify({ ...bad, until: 'x' }), JSON.stringify(bad), ' '.repeat(10_000)]) {
    writeFileSync(file, text)
    expect(runner().until()).toBeNull()
    runner().reached(clock.now + HOUR)
    expect(runner().until()).toBe(clock.now + HOUR)
  }
})

test('the file is private and tells nothing but times', () => {
  const { clock, runner, file } = machine()
  runner().reached(clock.now + HOUR)
  expect(statSync(file).mode & 0o777).toBe(0o600)
  expect(Object.keys(JSON.parse(readFileSync(file, 'utf8')))).toEqual(['version', 'until', 'noted_at'])
})

test('a disk that takes no file costs nobody a run', () => {
  const { home, clock, runner } = machine()
  writeFileSync(join(home, 'limits'), 'a file in its place')
  runner().reached(clock.now + HOUR)
  expect(runner().until()).toBeNull()
})
