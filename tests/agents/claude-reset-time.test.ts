import { expect, test } from 'vitest'
import { resetTimeIn } from '../../src/agents/claude-reset-time.ts'

const NOW = Date.parse('2026-11-21T01:12:45Z')

test.each([
  ["You've hit your session limit · resets 8pm (Europe/Berlin)", '2026-11-21T19:00:00Z'],
  ["You've hit your 5-hour limit · resets 2:12am (UTC)", '2026-11-21T02:12:00Z'],
  ['resets 1am (UTC)', '2026-11-22T01:00:00Z'],
  ['resets 12am (America/New_York)', '2026-11-21T05:00:00Z'],
  ['resets 12pm (Asia/Kolkata)', '2026-11-21T06:30:00Z'],
  ['resets 20:30 (UTC)', '2026-11-21T20:30:00Z'],
  ["You've hit your weekly limit · resets Nov 24, 8pm (UTC)", '2026-11-24T20:00:00Z'],
  ['resets Jan 2 at 9am (UTC)', '2027-01-02T09:00:00Z'],
  ['resets Jan 2, 2027, 9am (UTC)', '2027-01-02T09:00:00Z'],
  ['Claude AI usage limit reached|1795227165', '2026-11-21T02:12:45Z'],
])('%s', (text, expected) => {
  expect(new Date(resetTimeIn(text, NOW)!).toISOString()).toBe(new Date(expected).toISOString())
})

test('summer time counts in the place that is named', () => {
  // Clocks in Berlin go from 2:00 to 3:00 on 28 March 2027.
  expect(resetTimeIn('resets 8am (Europe/Berlin)', Date.parse('2027-03-27T22:00:00Z'))).toBe(Date.parse('2027-03-28T06:00:00Z'))
})

test.each(['', 'something went wrong', 'resets soon', 'resets 8pm (Nowhere/At All)', 'resets 99pm (UTC)', 'resets Foo 3, 8pm (UTC)'])(
  'no time in %j',
  text => {
    expect(resetTimeIn(text, NOW)).toBe(null)
  },
)
