import { expect, test } from 'vitest'
import type { RunnerEvent } from '../../src/core/event.ts'
import { waitOf } from '../../src/core/wait.ts'
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
  const wait = waitOf(HOUR + 1, clock)
  expect(
    await waitOut(
      () => wait,
      () => ({ message: 'the limit' }),
      context,
      never,
    ),
  ).toBe('over')
  expect(clock.now()).toBe(at)
  expect(events).toEqual([{ type: 'waiting', message: 'the limit', untilMs: at }])
})

test('what is over, or was never there, is not waited for and not told', async () => {
  const { clock, events, context } = stage()
  for (const wait of [null, waitOf(0, clock), waitOf(-HOUR, clock)])
    expect(
      await waitOut(
        () => wait,
        () => ({ message: '' }),
        context,
        never,
      ),
    ).toBe('over')
  expect([clock.slept, events]).toEqual([[], []])
})

test('a wait that is lifted ends, one that is lengthened goes on and is told again', async () => {
  const { clock, events, context } = stage()
  const start = clock.now()
  const [short, long] = [waitOf(HOUR, clock), waitOf(2 * HOUR, clock)]
  const moved = () => (clock.now() < start + 60_000 ? short : clock.now() < start + 120_000 ? long : null)
  await waitOut(moved, () => ({ message: '' }), context, never)
  expect(clock.now()).toBe(start + 120_000)
  expect(events.map(event => event.type === 'waiting' && event.untilMs)).toEqual([start + HOUR, start + 2 * HOUR])
})

test('a signal ends it at once', async () => {
  const { clock, context } = stage()
  const wait = waitOf(HOUR, clock)
  expect(
    await waitOut(
      () => wait,
      () => ({ message: '' }),
      context,
      AbortSignal.abort(),
    ),
  ).toBe('cut')
  const cut = new AbortController()
  const sleep = async (ms: number) => {
    await clock.sleep(ms)
    cut.abort()
  }
  const cutAfterAWhile = { ...context, clock: { ...clock, sleep } }
  expect(
    await waitOut(
      () => wait,
      () => ({ message: '' }),
      cutAfterAWhile,
      cut.signal,
    ),
  ).toBe('cut')
  expect(clock.slept).toHaveLength(1)
})

test.each([HOUR, -HOUR, 365 * 24 * HOUR, -365 * 24 * HOUR])(
  'a wall clock that is set by %i ms meanwhile neither prolongs nor shortens it, nor is it told again',
  async by => {
    const { clock, events, context } = stage()
    const began = clock.uptime()
    const wait = waitOf(HOUR, clock)
    const until = () => {
      if (clock.slept.length === 3) clock.set(by)
      return wait
    }
    await waitOut(until, () => ({ message: '' }), context, never)
    expect(clock.uptime() - began).toBe(HOUR)
    expect(events).toHaveLength(1)
  },
)
