import { expect, test } from 'vitest'
import { backoff } from '../../src/core/backoff.ts'

test('pauses double up to a minute, are spread over their whole range, and never vanish', () => {
  expect([1, 2, 3, 7, 100].map(n => backoff(n, 1))).toEqual([1_000, 2_000, 4_000, 60_000, 60_000])
  expect(backoff(5, 0.5)).toBe(8_000)
  expect(backoff(1, 0)).toBe(100)
})

test('what was asked for wins', () => {
  expect(backoff(9, 1, 3_000)).toBe(3_000)
  expect(backoff(9, 1, -5)).toBe(0)
})
