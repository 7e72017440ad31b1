import { closeSync, constants, type Dirent, fstatSync, lstatSync, openSync, readSync, type Stats, statSync } from 'node:fs'

/** A file as it was read, once; or why there is nothing to read, in words that follow its name. */
export type PlainFile =
  | { is: 'file'; bytes: Buffer }
  | { is: 'absent' }
  | { is: 'large'; size: number }
  | { is: 'folder' | 'nowhere' | 'other'; says: string }

const CHUNK = 64 * 1024
const HUGE = 256 * 1024 ** 2

/**
 * Reads a file that somebody else may have put there, up to `most` bytes. It opens nothing that is no file (a pipe, a device, a socket, a
 * link to nowhere), and no read waits for more or goes on without end, as with some of the system's own files. Throws what the system
 * says.
 */
export function readPlainFile(path: string | Buffer, most: number): PlainFile {
  const entry = look(path)
  if ('is' in entry) return entry
  if (entry.size > most) return { is: 'large', size: entry.size }
  // It may have been exchanged since, so open it without waiting, and look again at what was opened.
  const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY)
  try {
    const opened = fstatSync(file)
    if (!opened.isFile()) return { is: 'other', says: `is ${kindOf(opened)}, not a file` }
    const bytes = readUpTo(file, most + 1)
    return bytes.length > most ? { is: 'large', size: bytes.length } : { is: 'file', bytes }
  } finally {
    closeSync(file)
  }
}

/**
 * The content of a file that somebody else may have put there; null where there is none, no file, or a huge one. Throws as
 * `readPlainFile`.
 */
export function plainBytes(path: string): Buffer | null {
  const read = readPlainFile(path, HUGE)
  return read.is === 'file' ? read.bytes : null
}

/** The same as text. */
export const plainText = (path: string): string | null => plainBytes(path)?.toString('utf8') ?? null

function look(path: string | Buffer): Stats | Exclude<PlainFile, { is: 'file' }> {
  try {
    const entry = statSync(path)
    if (entry.isFile()) return entry
    return { is: entry.isDirectory() ? 'folder' : 'other', says: `is ${kindOf(entry)}, not a file` }
  } catch (thrown) {
    const { code } = thrown as NodeJS.ErrnoException
    if (code === 'ENOTDIR') return { is: 'absent' }
    if (code === 'ELOOP') return { is: 'nowhere', says: 'is a link that leads back to itself' }
    if (code !== 'ENOENT') throw thrown
    const isLink = lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true
    return isLink ? { is: 'nowhere', says: 'is a link that leads nowhere' } : { is: 'absent' }
  }
}

/** The kind of a thing that is no file, in words. */
export function kindOf(entry: Stats | Dirent): string {
  if (entry.isDirectory()) return 'a folder'
  if (entry.isFIFO()) return 'a named pipe'
  if (entry.isSocket()) return 'a socket'
  return 'a device'
}

function readUpTo(file: number, most: number): Buffer {
  const pieces: Buffer[] = []
  for (let length = 0; length < most; ) {
    const piece = Buffer.allocUnsafe(Math.min(CHUNK, most - length))
    const read = readSync(file, piece)
    if (read === 0) break
    pieces.push(piece.subarray(0, read))
    length += read
  }
  return Buffer.concat(pieces)
}
