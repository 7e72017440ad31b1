import { expect, test } from 'vitest'
import { resetTimeIn } from '../../../src/agents/claude/claude-reset-time.ts'

const NOW = Date.parse('2026-11-21T01:12:45Z')

test.each([
  ["You've hit your session limit · resets 8pm (Europe/Berlin)", '2026-11-21T19:00:00Z'],
  ["You've hit your 5-hour limit · resets 2:12am (UTC)", '2026-11-21T02:12:00Z'],
  ['resets 1am (UTC)', '2026-11-22T01:00:00Z'],
  ['resets 12am (America/New_York)', '2026-11-21T05:00:00Z'],
  ['resets 12pm (Asia/Kolkata)', '2026-11-21T06:30:00Z'],
  ['resets 20:30 (UTC)', '2026-11-21T20:30:00Z'],
  ['resets 4am (Etc/GMT+5)', '2026-11-21T09:00:00Z'],
  ["You've hit your weekly limit · resets Nov 24, 8pm (UTC)", '2026-11-24T20:00:00Z'],
  ["You've hit your limit · resets Nov 25 at 9pm (America/New_York)", '2026-11-26T02:00:00Z'],
  ["You're out of extra usage · resets Nov 24, 8pm (Europe/Budapest)", '2026-11-24T19:00:00Z'],
  ["You're out of extra usage · resets 7pm (Asia/Seoul)", '2026-11-21T10:00:00Z'],
  ['Claude usage limit reached. Your limit will reset at 3pm (America/Santiago).', '2026-11-21T18:00:00Z'],
  ['Claude usage limit reached. Your limit will reset at Nov 26, 10am (UTC).', '2026-11-26T10:00:00Z'],
  ['You’ve hit your limit for Claude messages. Limits will reset at 9:30 AM (UTC). View your usage details.', '2026-11-21T09:30:00Z'],
  [
    'API Error: 400 You have reached your specified API usage limits. You will regain access on 2026-12-01 at 00:00 UTC.',
    '2026-12-01T00:00:00Z',
  ],
  ['5-hour limit reached ∙ resets 3pm UTC', '2026-11-21T15:00:00Z'],
  ['Usage limit reached for 5 hour. Your limit will reset at 2026-11-21 18:55:29 UTC', '2026-11-21T18:55:00Z'],
  ['Your limit will reset at 2026-11-21T18:55:00Z', '2026-11-21T18:55:00Z'],
  ['Credits reset on 2026-12-10 (UTC)', '2026-12-10T00:00:00Z'],
  ['Weekly limit reached ∙ resets Tue, 5pm (UTC)', '2026-11-24T17:00:00Z'],
  ['resets Saturday at 1am (UTC)', '2026-11-28T01:00:00Z'],
  ['resets 24 Nov at 17:00 (UTC)', '2026-11-24T17:00:00Z'],
  ['Session limit · resets in 2h 15m', '2026-11-21T03:27:45Z'],
  ['Please try again in 35 minutes.', '2026-11-21T01:47:45Z'],
  ['resets in 3 days', '2026-11-24T01:12:45Z'],
  ['resets Jan 2 at 9am (UTC)', '2027-01-02T09:00:00Z'],
  ['resets Jan 2, 2027, 9am (UTC)', '2027-01-02T09:00:00Z'],
  ['Claude AI usage limit reached|1795227165', '2026-11-21T02:12:45Z'],
  ['Claude AI usage limit reached|1795227165000', '2026-11-21T02:12:45Z'],
])('%s', (text, expected) => {
  expect(new Date(resetTimeIn(text, NOW)!).toISOString()).toBe(new Date(expected).toISOString())
})

test('without a place it is the time here', () => {
  const { timeZone } = Intl.DateTimeFormat().resolvedOptions()
  const here = resetTimeIn(`You've hit your limit · resets 3am (${timeZone})`, NOW)
  expect(here).not.toBe(null)
  expect(resetTimeIn("You've hit your limit · resets 3am", NOW)).toBe(here)
  const zones = process.env.TZ
  try {
    process.env.TZ = 'Asia/Tokyo'
    expect(resetTimeIn('resets 3am', NOW)).toBe(Date.parse('2026-11-21T18:00:00Z'))
  } finally {
    if (zones === undefined) delete process.env.TZ
    else process.env.TZ = zones
  }
})

test('summer time counts in the place that is named', () => {
  // Clocks in Berlin go from 2:00 to 3:00 on 28 March 2027.
  expect(resetTimeIn('resets 8am (Europe/Berlin)', Date.parse('2027-03-27T22:00:00Z'))).toBe(Date.parse('2027-03-28T06:00:00Z'))
})

test.each([
  '',
  'something went wrong',
  'resets soon',
  'resets 8pm (Nowhere/At All)',
  'resets 99pm (UTC)',
  'resets Foo 3, 8pm (Utopia/X)',
  'try again later',
  'You hit 3 limits at 8pm',
])('no time in %j', text => {
  expect(resetTimeIn(text, NOW)).toBe(null)
})
