import { LIMITS, limitWords } from '../../core/limits.ts'

/** Lines and commas in a file of settings. The parser compares each key of a group with all others. */
const MOST_ENTRIES = 5_000

/**
 * Why a YAML text is too much for its parser, found in one walk over the text; null when it is not. Levels are opened by brackets, by
 * several list signs on one line, and by lines that are indented more than those before them.
 */
export function beyondLimits(text: string): string | null {
  let brackets = 0
  let entries = 0
  const indents: number[] = []
  const deep = `lists and groups are within each other over more than ${limitWords('jsonDepth')}`
  for (const line of text.split('\n')) {
    entries += 1 + count(line, /,/g)
    if (entries > MOST_ENTRIES) return `it has more than ${MOST_ENTRIES.toLocaleString('en')} entries`
    const [start] = /^[\s?:-]*/.exec(line)!
    if (start.length < line.length) {
      while (indents.length > 0 && indents.at(-1)! >= start.length) indents.pop()
      indents.push(start.length)
    }
    if (indents.length > LIMITS.jsonDepth.most || count(start, /[?:-](?=\s)/g) > LIMITS.jsonDepth.most) return deep
    for (const [sign] of line.matchAll(/[[\]{}]/g)) {
      brackets = Math.max(0, brackets + (sign === '[' || sign === '{' ? 1 : -1))
      if (brackets > LIMITS.jsonDepth.most) return deep
    }
  }
  return null
}

function count(text: string, pattern: RegExp): number {
  let found = 0
  for (const _ of text.matchAll(pattern)) found++
  return found
}
