import { expect, test } from 'vitest'
import { RunnerError } from '../../../src/core/errors.ts'
import type { StampedEvent } from '../../../src/core/event.ts'
import { ship } from '../../../src/runner/telling/shipping.ts'

const event = (seq: number, message: string): StampedEvent => ({
  at: '2026-01-01T00:00:00.000Z',
  seq,
  runId: 'run_1',
  agentId: 'dev_1',
  type: 'agent_text',
  text: message,
})
const events = Array.from({ length: 50 }, (_, i) => event(i + 1, `word ${i + 1}`))

/** A server that keeps what it is sent, unless something in it is not to its taste. */
function server(
  refuses: (event: StampedEvent) => boolean,
  error = new RunnerError('TRACKER_REFUSED', 'the control plane refused (422): no'),
) {
  const kept: StampedEvent[] = []
  let calls = 0
  return {
    kept,
    calls: () => calls,
    publish: async (batch: StampedEvent[]) => {
      calls++
      if (batch.some(refuses)) throw error
      kept.push(...batch)
    },
  }
}

test('of a batch with one event that is refused for good all others arrive, and a mark in its place, in order', async () => {
  const { kept, publish, calls } = server(one => one.seq === 17 && one.type !== 'warning')
  const told: number[] = []
  await ship(events, publish, refused => told.push(refused.seq))
  expect(kept.map(one => one.seq)).toEqual(events.map(one => one.seq))
  expect(kept[16]).toMatchObject({ seq: 17, type: 'warning', message: expect.stringContaining('agent_text was refused') })
  expect(told).toEqual([17])
  expect(calls()).toBeLessThan(20)
})

test('where the mark is refused too the event is left out, and nothing is sent for ever', async () => {
  const { kept, publish, calls } = server(one => one.seq % 10 === 0)
  await ship(events, publish, () => {})
  expect(kept.map(one => one.seq)).toEqual(events.map(one => one.seq).filter(seq => seq % 10 !== 0))
  expect(calls()).toBeLessThan(100)
})

test('an outage, a key that is not good and a run that was lost are no refusals of an event', async () => {
  for (const code of ['TRACKER_UNREACHABLE', 'TRACKER_UNAUTHORISED', 'LEASE_LOST', 'ABORTED'] as const) {
    const { publish, calls } = server(() => true, new RunnerError(code, 'no'))
    await expect(ship(events, publish, () => {})).rejects.toMatchObject({ code })
    expect(calls()).toBe(1)
  }
})
