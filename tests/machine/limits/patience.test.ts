import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openPatience } from '../../../src/machine/limits/patience.ts'
import { tempFolder } from '../../support/temp.ts'

const HOUR = 3_600_000
const start = Date.parse('2026-11-21T01:00:00.000Z')
const at = (ms: number) => new Date(ms).toISOString()

function opened(home: string, now = start, tracker = 'http://pm') {
  return openPatience({ home, agentId: 'dev_001', tracker, now: () => now })
}

test('three times a task is given back, over restarts, and not a fourth time', () => {
  const home = tempFolder()
  const answers = [0, 1, 2, 3, 4].map(n => opened(home, start + n).again('7', at(start + n)))
  expect(answers).toEqual([true, true, true, false, false])
  // Its namesake at another tracker is another task.
  expect(opened(home, start, 'http://other').again('7', at(start))).toBe(true)
})

test('a claim whose end is decided again after a kill counts once', () => {
  const home = tempFolder()
  expect([1, 2, 3, 4, 5].map(() => opened(home).again('7', at(start)))).toEqual([true, true, true, true, true])
})

test('another end, or a day, begins the count anew; what is over leaves no file', () => {
  const home = tempFolder()
  for (const n of [0, 1, 2, 3]) opened(home, start + n).again('7', at(start + n))
  opened(home).forget('7')
  opened(home).forget('never given back')
  expect(existsSync(join(home, 'given-back', 'dev_001.json'))).toBe(false)
  for (const n of [0, 1, 2]) expect(opened(home, start + n).again('7', at(start + n))).toBe(true)
  expect(opened(home, start + 25 * HOUR).again('7', at(start + 25 * HOUR))).toBe(true)
})

test('a broken file is as good as none', () => {
  const home = tempFolder()
  opened(home).again('7', at(start))
  writeFileSync(join(home, 'given-back', 'dev_001.json'), '{"version":1,"tasks":{"7":')
  expect(opened(home).again('7', at(start))).toBe(true)
})
