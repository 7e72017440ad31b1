import { stripVTControlCharacters } from 'node:util'
import { redact } from '../../core/redaction.ts'
import { cut } from '../../core/text/words.ts'

/** C0 without newline, DEL, C1, and the marks that turn the direction of text round: all of them can forge what is seen. */
const UNPRINTABLE = /(?!\n)\p{Cc}|\p{Bidi_Control}|\ufeff/gu

/** Text from outside as lines that are safe to print: no secret, no escape sequence, no control character but the newline. Secrets go before a text is cut or wrapped. */
export function printable(text: string): string {
  const lines = text.replace(/\r\n?|[\u0085\u2028\u2029]/g, '\n').replaceAll('\t', '  ')
  // A secret must not hide behind a mark that is dropped.
  return redact(stripVTControlCharacters(lines).replace(UNPRINTABLE, ''))
}

/** Text from outside as one safe line, white space drawn together, cut to at most `length` characters. */
export function oneLine(text: string, length = 100_000): string {
  // Cut roughly first: a tool may have printed megabytes, of which one line is shown.
  const line = printable(text.slice(0, length * 4 + 1000))
    .replace(/\s+/g, ' ')
    .trim()
  return cut(line, length)
}
