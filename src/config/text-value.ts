import { readJson } from '../core/json.ts'
import type { Setting } from './setting.ts'

/**
 * What a flag or environment text means for a setting: numbers, lists (`a,b` or `a b`, or a JSON array), arguments (`a "b c"` as in a
 * shell, or a JSON array), records (`a=b,c=d` or a JSON object). A text that cannot be read stays text, so that the schema refuses it with its own words.
 */
export function fromText(setting: Setting, text: string): unknown {
  const trimmed = text.trim()
  if (setting.kind === 'number') return /^-?\d+(\.\d+)?$/.test(trimmed) ? Number(trimmed) : text
  if (setting.kind === 'list') return trimmed.startsWith('[') ? parseJson(trimmed) : splitList(trimmed)
  if (setting.kind === 'arguments') return trimmed.startsWith('[') ? parseJson(trimmed) : (splitWords(trimmed) ?? text)
  if (setting.kind === 'record') return trimmed.startsWith('{') ? parseJson(trimmed) : (splitPairs(trimmed) ?? text)
  return text
}

/** Splits at commas and blanks, any number of them. */
function splitList(text: string): string[] {
  return text.split(/[\s,]+/).filter(word => word !== '')
}

/** Splits as a shell does, with quotes and backslashes but without expanding anything; null when a quote is left open. */
export function splitWords(text: string): string[] | null {
  const words: string[] = []
  let word: string | null = null
  let quote = ''
  for (let i = 0; i < text.length; i++) {
    const char = text[i] as string
    if (char === '\\' && quote !== "'" && i + 1 < text.length) word = (word ?? '') + text[++i]
    else if (quote) {
      if (char === quote) quote = ''
      else word += char
    } else if (char === '"' || char === "'") {
      quote = char
      word ??= ''
    } else if (/\s/.test(char)) {
      if (word !== null) words.push(word)
      word = null
    } else word = (word ?? '') + char
  }
  if (quote) return null
  return word === null ? words : [...words, word]
}

function splitPairs(text: string): Record<string, string> | null {
  const pairs = text.split(',').map(pair => pair.split('='))
  if (pairs.some(pair => pair.length !== 2)) return null
  return Object.fromEntries(pairs.map(([name, value]) => [name?.trim(), value?.trim()]))
}

function parseJson(text: string): unknown {
  try {
    return readJson(text)
  } catch {
    return text
  }
}
