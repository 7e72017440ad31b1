import { expect, test } from 'vitest'
import { anchored, endOf, leftOf, type Wait, waitOf } from '../../src/core/wait.ts'
import { fakeClock } from '../support/fake-clock.ts'

const HOUR = 3_600_000
const YEAR = 365 * 24 * HOUR

/** As it is when another process reads it. */
const kept = (wait: Wait): Wait => JSON.parse(JSON.stringify(wait))

test('what is left of a wait shrinks as time passes, until it is over', async () => {
  const clock = fakeClock()
  const wait = kept(waitOf(HOUR, clock))
  expect([leftOf(wait, clock), endOf(wait, clock)]).toEqual([HOUR, clock.now() + HOUR])
  await clock.sleep(HOUR - 1)
  expect(leftOf(wait, clock)).toBe(1)
  await clock.sleep(1)
  expect([leftOf(wait, clock), endOf(wait, clock)]).toEqual([0, null])
  expect(endOf(null, clock)).toBeNull()
})

test.each([HOUR, -HOUR, YEAR, -YEAR])(
  'a wall clock that is set by %i ms neither ends nor prolongs it, and people read when it ends',
  by => {
    const clock = fakeClock()
    const wait = kept(waitOf(HOUR, clock))
    clock.set(by)
    expect([leftOf(wait, clock), endOf(wait, clock)]).toEqual([HOUR, clock.now() + HOUR])
  },
)

test('after a reboot the wall clock tells what is left; one that was set back makes it no longer than it was', () => {
  const clock = fakeClock()
  const wait = kept(waitOf(2 * HOUR, clock))
  clock.reboot(HOUR)
  expect(leftOf(wait, clock)).toBe(HOUR)
  clock.set(-YEAR)
  expect(leftOf(wait, clock)).toBe(2 * HOUR)
  clock.set(2 * YEAR)
  expect(leftOf(wait, clock)).toBeLessThan(0)
})

test('once anchored in the new boot it follows the wall clock no more', () => {
  const clock = fakeClock()
  const old = waitOf(2 * HOUR, clock)
  expect(anchored(old, clock)).toBe(old)
  clock.reboot(HOUR)
  const wait = anchored(old, clock)
  for (const by of [YEAR, -2 * YEAR]) {
    clock.set(by)
    expect(leftOf(wait, clock)).toBe(HOUR)
  }
})

test('what an older version noted goes by the wall clock, unless no limit can last so long', () => {
  const clock = fakeClock()
  expect(leftOf({ until: clock.now() + HOUR, noted: null }, clock)).toBe(HOUR)
  expect(leftOf({ until: clock.now() + YEAR, noted: null }, clock)).toBe(0)
})
