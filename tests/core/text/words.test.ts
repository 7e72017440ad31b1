import { expect, test } from 'vitest'
import { tilde } from '../../../src/cli/output/tilde.ts'
import { count, duration, localStamp, moment, money, watch } from '../../../src/core/text/words.ts'

test('durations are said in two units at most', () => {
  const said = [0, 440, 12_000, 59_700, 185_000, 3_600_000, 7_500_000, 100 * 3_600_000, -5, Number.NaN].map(duration)
  expect(said).toEqual(['0.0 s', '0.4 s', '12 s', '1 min', '3 min 5 s', '1 h', '2 h 5 min', '4 d 4 h', '0 s', '0 s'])
})

test('a running watch, money and counts', () => {
  expect([watch(42_900), watch(725_000), watch(3_725_000)]).toEqual(['0:42', '12:05', '1:02:05'])
  expect([money(0), money(0.0432), money(1.5)]).toEqual(['$0.00', '$0.0432', '$1.50'])
  expect([count(1, 'commit'), count(0, 'commit')]).toEqual(['1 commit', '0 commits'])
})

test('a local stamp means the moment that it was made from', () => {
  const at = '2026-01-15T12:03:22.000Z'
  expect(localStamp(at)).toMatch(/^2026-01-1[456]T\d\d:\d\d:22[+-]\d\d:\d\d$/)
  expect(Date.parse(localStamp(at))).toBe(Date.parse(at))
  expect(localStamp('nonsense')).toBe('nonsense')
})

test('a moment names its day only when it is not today', () => {
  const now = new Date(2026, 6, 6, 18, 0).getTime()
  expect(moment(new Date(2026, 6, 6, 14, 3).getTime(), now)).toBe('14:03')
  expect(moment(new Date(2026, 6, 5, 9, 30).getTime(), now)).toBe('5 Jul 09:30')
})

test('only paths below the home folder begin with a tilde', () => {
  expect(['/home/u', '/home/u/x', '/home/uv/x', '/x'].map(path => tilde(path, '/home/u'))).toEqual(['~', '~/x', '/home/uv/x', '/x'])
  expect(tilde('/x', '/')).toBe('/x')
})
