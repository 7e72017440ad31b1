import { LIMITS, limitWords } from './limits.ts'
import { storableDocument } from './storable.ts'

/** JSON that is not even parsed, because it exceeds a limit. */
export class JsonBeyond extends SyntaxError {}

/**
 * Parses JSON from outside and makes its texts storable; it skips a byte order mark at the beginning. Depth, length and, where limited,
 * the number of values and names are measured before it is parsed, in one walk over the text: a function that walks a document goes as
 * deep as the document, and the deepest ones take minutes. With `keepsNumbers`, the same walk refuses a number that could not be kept
 * exactly. Throws a SyntaxError, or a JsonBeyond, which is one.
 */
export function readJson(
  text: string,
  {
    characters = LIMITS.stateFile.most,
    values = Number.POSITIVE_INFINITY,
    keepsNumbers = false,
  }: { characters?: number; values?: number; keepsNumbers?: boolean } = {},
): ReturnType<typeof JSON.parse> {
  if (text.length > characters) throw new JsonBeyond(`it is longer than ${characters} characters`)
  measure(text, values, keepsNumbers)
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

function measure(text: string, values: number, keepsNumbers: boolean): void {
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
    // Where there are too many values, that is the reason, and no number is looked at.
    else if (keepsNumbers && counted <= values && character >= ZERO && character <= NINE) {
      const end = endOfNumber(text, at)
      if (isChanged(text.slice(at, end))) throw new JsonBeyond(NUMBER)
      at = end - 1
    }
  }
  if (counted > values) throw new JsonBeyond(`it has more than ${values.toLocaleString('en')} values and names`)
}

const NUMBER = 'it has a number that cannot be kept exactly; write it as a text, in quotation marks'
const [QUOTE, COMMA, COLON, BRACKET, BACKSLASH, BRACKET_END, BRACE, BRACE_END, ZERO, NINE] = [...'",:[\\]{}09'].map(sign =>
  sign.charCodeAt(0),
) as [number, number, number, number, number, number, number, number, number, number]

/** The end of the number that has a digit here. */
function endOfNumber(text: string, at: number): number {
  IN_NUMBER.lastIndex = at
  IN_NUMBER.test(text)
  return IN_NUMBER.lastIndex
}

const IN_NUMBER = /[\d.eE+-]*/y

/**
 * Whether reading a number, given without its sign, changes it: a whole number that comes out with other digits, or a number that is too
 * large. What JavaScript has written comes out as it was.
 */
function isChanged(digits: string): boolean {
  if (digits.length <= SAFE_DIGITS && !/[eE]/.test(digits)) return false
  const value = Number(digits)
  return value === Number.POSITIVE_INFINITY || (/^\d+$/.test(digits) && String(value) !== digits)
}

const SAFE_DIGITS = 15

/** The end of the text that begins at this quotation mark. */
function endOfText(text: string, at: number): number {
  for (let end = at + 1; end < text.length; end++) {
    const character = text.charCodeAt(end)
    if (character === QUOTE) return end
    if (character === BACKSLASH) end++
  }
  return text.length
}

/** Few texts hold such a character, and to look for it is much quicker than to walk the document. */
const mayBeUnstorable = (text: string) => /\\u(?:0000|[dD][89a-fA-F])/.test(text) || !text.isWellFormed()
