import { LIMITS, limitWords } from './limits.ts'
import { storableDocument } from './storable.ts'

/** JSON that is not even parsed, since it goes beyond a limit. */
export class JsonBeyond extends SyntaxError {}

/**
 * What JSON from outside says, its texts made storable; a mark of the byte order before it is passed over. Depth, length and, where it is
 * limited, the number of values and names are measured before it is parsed, in one walk over the text: what walks a document goes as deep as the document, and the deepest ones take minutes. Throws a
 * SyntaxError, or a JsonBeyond, which is one.
 */
export function readJson(
  text: string,
  { characters = LIMITS.stateFile.most, values = Number.POSITIVE_INFINITY }: { characters?: number; values?: number } = {},
): ReturnType<typeof JSON.parse> {
  if (text.length > characters) throw new JsonBeyond(`it is longer than ${characters} characters`)
  measure(text, values)
  const value = JSON.parse(text.charCodeAt(0) === BYTE_ORDER_MARK ? text.slice(1) : text)
  return mayBeUnstorable(text) ? storableDocument(value) : value
}

const BYTE_ORDER_MARK = 0xfeff

/** What a failure of `readJson` says, without quoting the text. */
export function jsonFault(thrown: unknown): string {
  const { message } = thrown as Error
  if (thrown instanceof JsonBeyond) return message
  const [, line, column] = /line (\d+) column (\d+)/.exec(message) ?? []
  if (line !== undefined) return `line ${line}, column ${column} cannot be read`
  return /end of JSON/.test(message) ? 'it ends too early' : 'it is not JSON'
}

function measure(text: string, values: number): void {
  let depth = 0
  let counted = 1
  for (let at = 0; at < text.length; at++) {
    const character = text.charCodeAt(at)
    if (character === QUOTE) at = endOfText(text, at)
    else if (character === COMMA || character === COLON) counted++
    else if (character === BRACKET || character === BRACE) {
      counted++
      if (++depth > LIMITS.jsonDepth.most)
        throw new JsonBeyond(`objects and lists are within each other over more than ${limitWords('jsonDepth')}`)
    } else if (character === BRACKET_END || character === BRACE_END) depth--
  }
  if (counted > values) throw new JsonBeyond(`it has more than ${values.toLocaleString('en')} values and names`)
}

const [QUOTE, COMMA, COLON, BRACKET, BACKSLASH, BRACKET_END, BRACE, BRACE_END] = [...'",:[\\]{}'].map(sign => sign.charCodeAt(0))

/** Where the text ends that begins at this quotation mark. */
function endOfText(text: string, at: number): number {
  for (let end = at + 1; end < text.length; end++) {
    const character = text.charCodeAt(end)
    if (character === QUOTE) return end
    if (character === BACKSLASH) end++
  }
  return text.length
}

/** Few texts hold such a thing, and to look for it is much quicker than to walk the document. */
const mayBeUnstorable = (text: string) => /\\u(?:0000|[dD][89a-fA-F])/.test(text) || !text.isWellFormed()
