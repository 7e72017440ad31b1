import fc from 'fast-check'
import { expect, test } from 'vitest'
import { eventJson, smallEvent } from '../../src/core/event-size.ts'
import { LIMITS } from '../../src/core/limits.ts'

const base = { at: '2026-01-01T00:00:00.000Z', seq: 7, runId: 'run_1', agentId: 'dev_1' }

test('an event within the limit is left as it is', () => {
  const event = { ...base, type: 'agent_text', text: 'short' }
  expect(smallEvent(event)).toBe(event)
  expect(eventJson(event)).toBe(JSON.stringify(event))
})

test('a text of 4 MB keeps its beginning, and the event says how large it was', () => {
  const cut = smallEvent({ ...base, type: 'agent_text', text: 'x'.repeat(4_000_000) })
  expect(cut).toMatchObject({ ...base, type: 'agent_text', cut: { bytes: expect.any(Number) } })
  expect(cut.text).toBe(`${'x'.repeat(16_000)}… (3,984,000 characters more)`)
  expect(cut.cut?.bytes).toBeGreaterThan(4_000_000)
})

test('45,000 files are counted where they are not listed', () => {
  const files = Array.from({ length: 45_000 }, (_, i) => ({ path: `some/folder/file-${i}.txt`, added: 1, removed: 0 }))
  const cut = smallEvent({ ...base, type: 'run_finished', work: { branch: 'b', files } })
  const left = (cut.work as { files: unknown[] }).files.length
  expect(left).toBeGreaterThan(100)
  expect(cut.cut?.more).toEqual({ 'work.files': 45_000 - left })
})

test('whatever an event holds, it fits afterwards, and keeps its number, time and type', () => {
  const long = fc
    .tuple(fc.string({ minLength: 1, unit: 'binary' }), fc.integer({ min: 1, max: 20_000 }))
    .map(([text, times]) => text.repeat(times / text.length))
  const list = fc.tuple(fc.jsonValue({ maxDepth: 2 }), fc.integer({ min: 1, max: 3_000 })).map(([value, times]) => Array(times).fill(value))
  const group = fc
    .integer({ min: 1, max: 3_000 })
    .map(times => Object.fromEntries(Array.from({ length: times }, (_, i) => [`name ${i}`, i])))
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.oneof(long, list, group), { minKeys: 1, maxKeys: 6 }), data => {
      const json = eventJson({ ...base, type: 'x', data, list: [data, data] })
      expect(Buffer.byteLength(json)).toBeLessThanOrEqual(LIMITS.event.most)
      expect(JSON.parse(json)).toMatchObject({ ...base, type: 'x' })
    }),
    { numRuns: 50 },
  )
})
