import { expect, test } from 'vitest'
import type { RunnerEvent } from '../../src/core/event.ts'
import { waitOut } from '../../src/runner/waiting.ts'
import { fakeClock } from '../support/fake-clock.ts'

const HOUR = 3_600_000
const never = new AbortController().signal

function stage() {
  const clock = fakeClock()
  const events: RunnerEvent[] = []
  return { clock, events, context: { clock, emit: (event: RunnerEvent) => void events.push(event) } }
}

test('it waits exactly until the time that is named, and says so once', async () => {
  const { clock, events, context } = stage()
  const at = clock.now() + HOUR + 1
  expect(await waitOut(() => at, 'the limit', context, never)).toBe('over')
  expect(clock.now()).toBe(at)
  expect(events).toEqual([{ type: 'waiting', message: 'the limit', untilMs: at }])
})

test('what is over, or was never there, is not waited for and not told', async () => {
  const { clock, events, context } = stage()
  for (const at of [null, clock.now(), clock.now() - HOUR]) expect(await waitOut(() => at, '', context, never)).toBe('over')
  expect([clock.slept, events]).toEqual([[], []])
})

test('a wait that is lifted ends, one that is lengthened goes on and is told again', async () => {
  const { clock, events, context } = stage()
  const start = clock.now()
  const moved = () => (clock.now() < start + 60_000 ? start + HOUR : clock.now() < start + 120_000 ? start + 2 * HOUR : null)
  await waitOut(moved, '', context, never)
  expect(clock.now()).toBe(start + 120_000)
  expect(events.map(event => event.type === 'waiting' && event.untilMs)).toEqual([start + HOUR, start + 2 * HOUR])
})

test('a signal ends it at once', async () => {
  const { clock, context } = stage()
  const at = clock.now() + HOUR
  expect(await waitOut(() => at, '', context, AbortSignal.abort())).toBe('cut')
  const cut = new AbortController()
  const sleep = async (ms: number) => {
    await clock.sleep(ms)
    cut.abort()
  }
  const cutAfterAWhile = { ...context, clock: { ...clock, sleep } }
  expect(await waitOut(() => at, '', cutAfterAWhile, cut.signal)).toBe('cut')
  expect(clock.slept).toHaveLength(1)
})

test.each([HOUR, 365 * 24 * HOUR])('a clock that is set back by %i ms neither prolongs nor shortens it', async jump => {
  const { clock, context } = stage()
  const began = clock.uptime()
  const at = clock.now() + HOUR
  const jumping = { ...clock, now: () => (clock.uptime() > began + 60_000 ? clock.now() - jump : clock.now()) }
  // Who noted it does not believe a note from the future.
  const until = () => (jumping.now() < clock.now() ? null : at)
  await waitOut(until, '', { ...context, clock: jumping }, never)
  expect(clock.uptime() - began).toBeLessThanOrEqual(HOUR + 10_000)
  expect(clock.uptime() - began).toBeGreaterThanOrEqual(HOUR)
})

test('a time that no limit can have is not waited for', async () => {
  const { clock, context } = stage()
  const at = clock.now() + 365 * 24 * HOUR
  expect(await waitOut(() => at, '', context, never)).toBe('over')
  expect(clock.slept).toEqual([])
})
