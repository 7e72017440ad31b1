import { isUtf8 } from 'node:buffer'

/*
 * Names of files are bytes. One that is UTF-8 is its text; a byte that is not stands as the lone surrogate U+DC00 + byte, as in Python
 * (PEP 383), so that every name comes back to git and to the file system as it was.
 */

/** Bytes of git as text that can be turned back. */
export function textOf(bytes: Buffer): string {
  if (isUtf8(bytes)) return bytes.toString()
  let text = ''
  for (let at = 0; at < bytes.length; ) {
    const first = bytes[at]!
    const length = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4
    const whole = isUtf8(bytes.subarray(at, at + length))
    text += whole ? bytes.toString('utf8', at, at + length) : String.fromCharCode(0xdc00 + first)
    at += whole ? length : 1
  }
  return text
}

/** The bytes that a text of `textOf` stands for. */
export function bytesOf(text: string): Buffer {
  if (text.isWellFormed()) return Buffer.from(text)
  return Buffer.concat(
    [...text].map(char => {
      const code = char.codePointAt(0)!
      return code >= 0xdc80 && code <= 0xdcff ? Buffer.of(code - 0xdc00) : Buffer.from(char)
    }),
  )
}

/** A file below a folder, as the file system takes it. */
export function fileAt(folder: string, name: string): string | Buffer {
  const path = `${folder}/${name}`
  return path.isWellFormed() ? path : bytesOf(path)
}
