import { expect, test } from 'vitest'
import { oneLine, printable } from '../../../src/cli/output/clean.ts'

test('colours, cursor movements, window titles and links of a text are taken out', () => {
  const text = '\u001b[31mred\u001b[0m \u001b[2J\u001b]0;title\u0007 \u001b]8;;https://evil\u001b\\link\u001b]8;;\u001b\\ \u009b31mx'
  expect(printable(text)).toBe('red  link x')
})

test('an escape sequence that is cut off or nested leaves nothing a terminal acts on', () => {
  const control = /(?!\n)\p{Cc}|\p{Bidi_Control}/u
  for (const text of [
    '\u001b',
    '\u001b[',
    '\u001b]0;never ended',
    '\u001b\u001b[31m[31m',
    'a\u0008\u0008b\rc',
    '\u202eabc\u2066',
    '\u0090q\u009c',
  ])
    expect(printable(text)).not.toMatch(control)
})

test('lines stay lines, and a carriage return hides nothing', () => {
  expect(printable('one\r\ntwo\rthree\tfour')).toBe('one\ntwo\nthree  four')
})

test('one line is one line, cut where asked, never through a character', () => {
  expect(oneLine(' a\n\n b\tc ')).toBe('a b c')
  expect(oneLine('abcdef', 4)).toBe('abc…')
  expect(oneLine('ab😀😀', 4)).toBe('ab…')
  expect(oneLine('x'.repeat(50_000_000), 10)).toBe('xxxxxxxxx…')
})
