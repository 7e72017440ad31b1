import { expect, test } from 'vitest'
import { nearest } from '../../src/config/nearest.ts'
import { splitWords } from '../../src/config/text-value.ts'

test('words are split as a shell splits them, and nothing is expanded', () => {
  expect(splitWords(`a  "b c" d'e f'g \\"h\\ i "" $HOME *`)).toEqual(['a', 'b c', 'de fg', '"h i', '', '$HOME', '*'])
  expect(splitWords(`'it\\s' "say \\"x\\""`)).toEqual(['it\\s', 'say "x"'])
  expect(splitWords('')).toEqual([])
  expect(splitWords('a "b')).toBeNull()
})

test('the nearest name is found by spelling, and none when nothing is near', () => {
  const known = ['claudeTimeout', 'hookTimeout', 'level']
  expect(nearest('claude-timeout', known)).toBe('claudeTimeout')
  expect(nearest('hookTimout', known)).toBe('hookTimeout')
  expect(nearest('colour', known)).toBeNull()
})
