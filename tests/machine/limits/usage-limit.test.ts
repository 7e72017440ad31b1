import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { waitOf } from '../../../src/core/wait.ts'
import { openUsageLimit } from '../../../src/machine/limits/usage-limit.ts'
import { fakeClock } from '../../support/fake-clock.ts'
import { tempFolder } from '../../support/temp.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR

/** Runners on one state folder, with a clock that can be set. */
function machine(home = tempFolder()) {
  const clock = fakeClock()
  const runner = (account: string | (() => string) = 'a1') =>
    openUsageLimit({ home, account: typeof account === 'string' ? () => account : account, clock })
  return { home, clock, runner, file: join(home, 'limits/a1.json') }
}

test('what one runner meets, every runner of the account waits for, also one that starts later, until it is over', async () => {
  const { clock, runner } = machine()
  const [one, other] = [runner(), runner()]
  expect(other.until()).toBeNull()
  const wait = waitOf(HOUR, clock)
  one.reached(wait)
  expect([one.until(), other.until(), runner().until()]).toEqual([wait, wait, wait])
  await clock.sleep(HOUR)
  expect(other.until()).toBeNull()
})

test('another account does not wait, and a runner whose account was changed goes on', () => {
  const { clock, runner } = machine()
  let account = 'a1'
  const changing = runner(() => account)
  const wait = waitOf(HOUR, clock)
  runner().reached(wait)
  expect(runner('b2').until()).toBeNull()
  expect(changing.until()).toEqual(wait)
  account = 'b2'
  expect(changing.until()).toBeNull()
})

test('of two limits the longer one holds', () => {
  const { clock, runner } = machine()
  const long = waitOf(DAY, clock)
  runner().reached(long)
  runner().reached(waitOf(HOUR, clock))
  expect(runner().until()).toEqual(long)
})

test('a limit that is over when it is told leaves nothing behind', () => {
  const { home, clock, runner } = machine()
  runner().reached(waitOf(-1, clock))
  expect(readdirSync(home)).toEqual([])
})

test.each([HOUR, -HOUR, 365 * DAY, -365 * DAY])('a clock that is set by %i ms ends it for nobody, and prolongs it for nobody', async by => {
  const { clock, runner } = machine()
  const early = runner()
  early.reached(waitOf(2 * HOUR, clock))
  clock.set(by)
  await clock.sleep(2 * HOUR - 1)
  for (const one of [early, runner()]) expect(one.until()).not.toBeNull()
  await clock.sleep(1)
  for (const one of [early, runner()]) expect(one.until()).toBeNull()
})

test('after a reboot the wall clock tells what is left, once: a runner that has begun to wait does not look at it again', async () => {
  const { clock, runner } = machine()
  runner().reached(waitOf(2 * HOUR, clock))
  clock.reboot(HOUR)
  const waiting = runner()
  expect(waiting.until()).toEqual(waitOf(HOUR, clock))
  clock.set(365 * DAY)
  expect(waiting.until()).not.toBeNull()
  clock.set(-2 * 365 * DAY)
  await clock.sleep(HOUR)
  expect(waiting.until()).toBeNull()
})

test('a note of an older version is waited for, by the wall clock', () => {
  const { home, clock, runner, file } = machine()
  mkdirSync(join(home, 'limits'))
  writeFileSync(file, JSON.stringify({ version: 1, until: clock.now() + HOUR, noted_at: clock.now() - HOUR }))
  expect(runner().until()).toEqual(waitOf(HOUR, clock))
  clock.set(HOUR)
  expect(runner().until()).toBeNull()
})

test('a file that is broken, too large, or tells of a time that cannot be is as good as none, and is replaced', () => {
  const { home, clock, runner, file } = machine()
  mkdirSync(join(home, 'limits'))
  const bad = { version: 1, until: clock.now() + 365 * DAY, noted_at: clock.now() }
  for (const text of ['', '{', 'null', '{"version":2}', JSON.stringify({ ...bad, until: 'x' }), JSON.stringify(bad), ' '.repeat(10_000)]) {
    writeFileSync(file, text)
    expect(runner().until()).toBeNull()
    const wait = waitOf(HOUR, clock)
    runner().reached(wait)
    expect(runner().until()).toEqual(wait)
  }
})

test('the file is private and tells nothing but times and the boot', () => {
  const { clock, runner, file } = machine()
  runner().reached(waitOf(HOUR, clock))
  expect(statSync(file).mode & 0o777).toBe(0o600)
  expect(Object.keys(JSON.parse(readFileSync(file, 'utf8')))).toEqual(['version', 'until', 'noted_at', 'boot', 'uptime'])
})

test('a disk that takes no file costs nobody a run', () => {
  const { home, clock, runner } = machine()
  writeFileSync(join(home, 'limits'), 'a file in its place')
  runner().reached(waitOf(HOUR, clock))
  expect(runner().until()).toBeNull()
})
