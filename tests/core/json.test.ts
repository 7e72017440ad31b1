import { expect, test } from 'vitest'
import { JsonBeyond, readJson } from '../../src/core/json.ts'
import { LIMITS } from '../../src/core/limits.ts'

const deep = (levels: number, open = '[', close = ']') => open.repeat(levels) + (open === '[' ? '' : '1') + close.repeat(levels)

test('what is as deep as the limit is read, one level more is not, in lists and objects', () => {
  const most = LIMITS.jsonDepth.most
  expect(readJson(deep(most))).toEqual(JSON.parse(deep(most)))
  expect(readJson(deep(most, '{"a":', '}'))).toEqual(JSON.parse(deep(most, '{"a":', '}')))
  expect(() => readJson(deep(most + 1))).toThrow(JsonBeyond)
  expect(() => readJson(deep(most + 1, '{"a":', '}'))).toThrow(JsonBeyond)
  // Many side by side are not deep.
  expect(readJson(`[${Array(10_000).fill('[[]]').join()}]`)).toHaveLength(10_000)
})

test('brackets and commas in texts count for nothing, whatever stands before a quotation mark', () => {
  for (const text of ['['.repeat(1_000), ','.repeat(100_000), '\\"[[', '\\\\', '"{{{{', '\\u005b'.repeat(100)]) {
    const document = { [text]: [text, `${text}"`] }
    expect(readJson(JSON.stringify(document), { values: 10 })).toEqual(document)
  }
})

test('two million levels are refused in the time of a walk over the text', () => {
  const text = deep(2_000_000)
  const walk = timed(() => {
    let sum = 0
    for (let at = 0; at < text.length; at++) sum += text.charCodeAt(at)
    return sum
  })
  const refusal = timed(() => {
    expect(() => readJson(text)).toThrow(JsonBeyond)
  })
  expect(refusal).toBeLessThan(10 * walk + 50)
})

test('the number of values is limited where it is asked for', () => {
  expect(readJson('[1,2,3]', { values: 4 })).toEqual([1, 2, 3])
  expect(() => readJson('[1,2,3]', { values: 3 })).toThrow('more than 3 values')
  expect(() => readJson(`[${'{},'.repeat(60_000)}{}]`, { values: 50_000 })).toThrow(JsonBeyond)
})

test('where numbers must be kept, one that would become another is refused; what JavaScript wrote is taken, and texts and names are not looked at', () => {
  const read = (text: string) => readJson(text, { keepsNumbers: true })
  for (const number of ['1e400', '-1e400', '12345678901234567890', '-9007199254740993', '1'.repeat(400), `${'9'.repeat(310)}.5`])
    for (const text of [number, `[1,${number}]`, `{"a": {"b":${number} }}`])
      expect(() => read(text), text).toThrow('cannot be kept exactly')
  for (const number of [0, -0, 1.5, 1e300, 5e-324, -1e21, 2 ** 53, 2 ** 60, Number('12345678901234567890'), 0.1 + 0.2, Number.MAX_VALUE]) {
    const text = JSON.stringify([number])
    expect(JSON.stringify(read(text))).toBe(text)
  }
  expect(read('[1E5,1.0,123456789012345678.5]')).toEqual([1e5, 1, Number('123456789012345678.5')])
  expect(read('{"12345678901234567890":"1e400"}')).toEqual({ '12345678901234567890': '1e400' })
  expect(readJson('12345678901234567890')).toBe(12345678901234567000)
  for (const text of ['1-2-3', '1e', '--1', '1.2.3']) expect(() => read(text)).toThrow(SyntaxError)
})

test('texts and names come out storable: no NUL, no half of a pair; pairs stay', () => {
  expect(readJson('{"a\\u0000b":["\\ud800x","\\udc00","\\ud83d\\ude00","plain"]}')).toEqual({
    'a\uFFFDb': ['\uFFFDx', '\uFFFD', '\u{1F600}', 'plain'],
  })
  expect(readJson('"\ud83d"')).toBe('\uFFFD')
})

test('what is no JSON stays a SyntaxError', () => {
  for (const text of ['', '[', ']]]', '{"a"', '"\\']) {
    expect(() => readJson(text)).toThrow(SyntaxError)
    expect(() => readJson(text)).not.toThrow(JsonBeyond)
  }
})

function timed(work: () => unknown): number {
  const began = performance.now()
  work()
  return performance.now() - began
}
