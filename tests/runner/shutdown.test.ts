import { expect, test } from 'vitest'
import { Stops } from '../../src/runner/shutdown.ts'

test('three requests to end mean drain, stop, leave', () => {
  const stops = new Stops()
  expect(stops.request()).toBe('drain')
  expect([stops.draining.aborted, stops.leaving.aborted]).toEqual([true, false])
  expect(stops.request()).toBe('stop')
  expect(stops.leaving.aborted).toBe(true)
  expect(stops.request()).toBe('leave')
})

test('detaching leaves without stopping the agent', () => {
  const stops = new Stops()
  stops.detach()
  expect([stops.leaving.aborted, stops.draining.aborted, stops.stopping.aborted]).toEqual([true, true, false])
})
