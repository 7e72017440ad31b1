import { redact } from '../../core/redaction.ts'

/** Which part of a tool's input says most about the call, best first. */
const MAIN_ARGUMENTS = [
  'command',
  'file_path',
  'notebook_path',
  'pattern',
  'path',
  'url',
  'query',
  'description',
  'skill',
  'outcome',
  'prompt',
]

/** How much of a text is shown when somebody wants to read all of it. Characters. */
export const AT_LENGTH = 20_000

/** The main argument of a tool call on one line: the command of Bash, the path of Write, the pattern of Grep; '' when there is none. */
export function mainArgument(input: Record<string, unknown>): string {
  const named = MAIN_ARGUMENTS.map(name => input[name]).find(value => typeof value === 'string')
  const value = named ?? Object.values(input).find(value => typeof value === 'string')
  return cut(oneLine(String(value ?? '')), 300)
}

/** A tool's input, with each text cut to what is shown at length. */
export function atLength(input: Record<string, unknown>): Record<string, unknown> {
  let left = AT_LENGTH
  const within = (value: unknown): unknown => {
    if (typeof value === 'string') {
      const told = cut(redact(value), Math.max(left, 1))
      left -= told.length
      return told
    }
    left -= 10
    if (value === null || typeof value !== 'object') return value
    if (Array.isArray(value)) return value.flatMap(item => (left > 0 ? [within(item)] : []))
    return entriesWithin(value)
  }
  const entriesWithin = (value: object) =>
    Object.fromEntries(Object.entries(value).flatMap(([name, item]) => (left > 0 ? [[name.slice(0, 200), within(item)]] : [])))
  return entriesWithin(input)
}

/** What a tool answered, in one short line; `verbose`: in its own lines. `content` is a text or a list of blocks. */
export function resultText(content: unknown, verbose = false): string {
  if (verbose) return cut(redact(textsOf(content).join('\n')), AT_LENGTH)
  if (typeof content === 'string') return cut(oneLine(content.slice(0, 4_000)), 300)
  if (!Array.isArray(content)) return ''
  const texts = textsOf(content.slice(0, 20)).map(text => text.slice(0, 4_000))
  return cut(oneLine(texts.join(' ')), 300)
}

function textsOf(content: unknown): string[] {
  if (typeof content === 'string') return [content]
  if (!Array.isArray(content)) return []
  return content.map(block => (block && typeof block === 'object' && 'text' in block ? String(block.text) : ''))
}

/** The text, or its beginning and an ellipsis. `size` in UTF-16 units; no character is cut in two. */
export function cut(text: string, size: number): string {
  return text.length <= size ? text : `${text.slice(0, size - 1).replace(/[\uD800-\uDBFF]$/, '')}…`
}

function oneLine(text: string): string {
  // Redact it before it is cut, since half a secret is not recognised.
  return redact(text.slice(0, 8_000)).replace(/\s+/g, ' ').trim()
}
