import fc from 'fast-check'
import { expect, test } from 'vitest'
import { bytesOf, textOf } from '../../src/git/file-names.ts'

/** Pieces of characters, and bytes that are in none. */
const pieces = ['a', '\0', 'ä', '€', '😀']
  .map(text => Buffer.from(text))
  .concat([0x80, 0xbf, 0xc3, 0xe2, 0xf0, 0xff].map(byte => Buffer.of(byte)))
const names = fc.array(fc.constantFrom(...pieces), { maxLength: 300 }).map(some => Buffer.concat(some))

test('names of any bytes come back as they were', () => {
  fc.assert(fc.property(names, bytes => bytesOf(textOf(bytes)).equals(bytes)))
})

test('what is text stays text beside what is none, wherever it stands', () => {
  const stray = fc.integer({ min: 0, max: 200 })
  fc.assert(
    fc.property(stray, stray, (before, behind) => {
      const bytes = Buffer.concat([Buffer.from('€'.repeat(before)), Buffer.of(0xff), Buffer.from('😀'.repeat(behind))])
      expect(textOf(bytes)).toBe(`${'€'.repeat(before)}\udcff${'😀'.repeat(behind)}`)
    }),
  )
})
