import { expect, test } from 'vitest'
import { RunnerError } from '../../src/core/errors.ts'
import type { RunnerEvent } from '../../src/core/event.ts'
import { untilAnswered } from '../../src/runner/retry.ts'
import { Stops } from '../../src/runner/shutdown.ts'
import { fakeClock } from '../support/fake-clock.ts'

const away = (options = {}) => new RunnerError('TRACKER_UNREACHABLE', 'connection refused', options)

function stage() {
  const events: RunnerEvent[] = []
  return { clock: fakeClock(), random: () => 1, stops: new Stops(), emit: (event: RunnerEvent) => events.push(event), events }
}

function failing(times: number, error: () => Error) {
  let calls = 0
  return async () => {
    calls++
    if (calls <= times) throw error()
    return calls
  }
}

test('faults that may pass are waited out, doubling from one second to a minute', async () => {
  const context = stage()
  expect(await untilAnswered('asking', context, failing(8, away))).toBe(9)
  expect(context.clock.slept).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000])
})

test('what the other side asks for wins over our own pause', async () => {
  const context = stage()
  await untilAnswered(
    'asking',
    context,
    failing(1, () => away({ retryAfterMs: 7_500 })),
  )
  expect(context.clock.slept).toEqual([7_500])
})

test('a refusal is not tried again', async () => {
  const context = stage()
  await expect(
    untilAnswered(
      'asking',
      context,
      failing(9, () => new RunnerError('TRACKER_UNAUTHORISED', 'no')),
    ),
  ).rejects.toMatchObject({
    code: 'TRACKER_UNAUTHORISED',
  })
  expect(context.clock.slept).toEqual([])
})

test('an outage of hours is told in a few lines, and its end in one', async () => {
  const context = stage()
  await untilAnswered('asking', context, failing(100, away))
  expect(context.events).toHaveLength(8)
  expect(context.events.at(-1)).toMatchObject({ message: expect.stringContaining('works again after 100') })
})

test('while draining nothing is waited out, and the caller learns that it was stopped', async () => {
  const context = stage()
  context.stops.request()
  await expect(untilAnswered('reporting', context, failing(9, away))).rejects.toMatchObject({ code: 'ABORTED' })
  expect(context.clock.slept).toEqual([])
})

test('a bound on the tries holds and the last fault is thrown', async () => {
  const context = stage()
  await expect(untilAnswered('starting', context, failing(9, away), 3)).rejects.toMatchObject({ code: 'TRACKER_UNREACHABLE' })
  expect(context.clock.slept).toHaveLength(2)
})
