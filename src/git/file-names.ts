import { isUtf8 } from 'node:buffer'

/*
 * Names of files are bytes. One that is UTF-8 is its text; a byte that is not stands as the lone surrogate U+DC00 + byte, as in Python
 * (PEP 383), so that every name comes back to git and to the file system as it was.
 */

/** Up to this many names are decoded one by one. */
const FEW = 64

/** Bytes of git as text that can be turned back. */
export function textOf(bytes: Buffer): string {
  if (isUtf8(bytes)) return bytes.toString()
  if (bytes.length <= FEW) return oneByOne(bytes)
  // One bad name among a hundred thousand: all around it is decoded in large pieces.
  const middle = beforeCharacter(bytes, bytes.length >> 1)
  return textOf(bytes.subarray(0, middle)) + textOf(bytes.subarray(middle))
}

/** A place at or close before `at` that is not inside a character, which has at most four bytes. */
function beforeCharacter(bytes: Buffer, at: number): number {
  for (let place = at; place > at - 4; place--) if ((bytes[place]! & 0xc0) !== 0x80) return place
  return at
}

function oneByOne(bytes: Buffer): string {
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
  const pieces = text.split(/([\udc80-\udcff])/u)
  return Buffer.concat(pieces.map((piece, at) => (at % 2 === 1 ? Buffer.of(piece.charCodeAt(0) - 0xdc00) : Buffer.from(piece))))
}

/** A file below a folder, as the file system takes it. */
export function fileAt(folder: string, name: string): string | Buffer {
  const path = `${folder}/${name}`
  return path.isWellFormed() ? path : bytesOf(path)
}
