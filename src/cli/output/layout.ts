import truncated from 'fast-string-truncated-width'
import { wrapAnsi } from 'fast-wrap-ansi'
import { printable } from './clean.ts'

/** Longer lines than this are hard to read, however wide the terminal is. */
const READABLE_COLUMNS = 100

/** Untrusted text as lines that fit, each after `indent`; at most `most` of them, and the last one ends in `…` when more was there. */
export function wrapped(text: string, columns: number, indent = '', most = Number.POSITIVE_INFINITY): string[] {
  const width = Math.max(10, Math.min(columns, READABLE_COLUMNS) - indent.length)
  const lines: string[] = []
  for (const line of printable(text).trim().split('\n')) {
    lines.push(...wrappedLine(line.trimEnd(), width))
    if (lines.length > most) break
  }
  const shown = lines.length > most ? [...lines.slice(0, most - 1), `${cut(lines[most - 1] ?? '', width - 2)} …`] : lines
  return shown.map(line => (line === '' ? '' : indent + line))
}

/** One line in pieces. It keeps the line's indentation, and text after a list mark hangs below it, because agents write lists and code. */
function wrappedLine(line: string, width: number): string[] {
  const head = /^\s*(?:[-*•] +|\d+[.)] +)?/.exec(line)?.[0] ?? ''
  const lead = head.length > width / 2 ? '' : head
  const hang = ' '.repeat(lead.length)
  const pieces = wrapAnsi(line.slice(lead.length), width - lead.length, { hard: true, trim: false }).split('\n')
  return pieces.map((piece, index) => (index === 0 ? lead + piece : hang + piece.trimStart()).trimEnd())
}

/** One line cut to a width in columns (wide characters count two), with `…` where something is missing. */
export function cut(line: string, columns: number): string {
  const width = Math.max(1, columns)
  const { truncated: isCut, index } = truncated(line, { limit: width, ellipsis: '…', ellipsisWidth: 1 })
  return isCut ? `${line.slice(0, index)}…` : line
}

/** How many columns a text takes. */
export function columnsOf(text: string): number {
  return truncated(text).width
}
