const LONE_UNIT = 0xfffd

/**
 * A text that can be stored anywhere: without NUL, which neither a text of PostgreSQL nor an argument or environment of a process can
 * hold, and without halves of surrogate pairs, which UTF-8 cannot express. U+FFFD replaces each.
 */
export function storable(text: string): string {
  return (text.includes('\0') ? withoutNuls(text) : text).toWellFormed()
}

/** Works by code units, because millions of replacements in a text take 50 times as long. */
function withoutNuls(text: string): string {
  const bytes = Buffer.from(text, 'utf16le')
  const units = new Uint16Array(bytes.buffer, bytes.byteOffset, text.length)
  for (let at = 0; at < units.length; at++) if (units[at] === 0) units[at] = LONE_UNIT
  return bytes.toString('utf16le')
}

/** The beginning of a text, with at most `most` bytes as UTF-8 and a line that tells of the rest; the whole text when it fits. */
export function firstBytes(text: string, most: number): string {
  if (text.length * 3 <= most || Buffer.byteLength(text) <= most) return text
  const end = `\n… (cut: it has ${Buffer.byteLength(text).toLocaleString('en')} bytes)\n`
  // What was cut in two at the end is dropped, with up to three bytes of it.
  const kept = Buffer.from(text).subarray(0, most - end.length - 4)
  return new TextDecoder('utf-8').decode(kept).replace(/\uFFFD$/, '') + end
}

/** A copy of a document in which all texts and names can be stored. The document must not be deeper than the limit `jsonDepth`. */
export function storableDocument(value: unknown): unknown {
  if (typeof value === 'string') return storable(value)
  if (Array.isArray(value)) return value.map(storableDocument)
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [storable(name), storableDocument(item)]))
}
