import { createHash } from 'node:crypto'
import { plainBytes } from '../../machine/files/plain-file.ts'
import { textOf } from '../file-names.ts'

/*
 * Reads git's index without git, which takes a process for each look. The format is in git's own documentation (gitformat-index). What
 * is rare there is left to git: a shared or a sparse index, one without a checksum or with another hash than SHA-1, and one with flags.
 */

/** What an index without flagged paths says. */
export interface PlainIndex {
  /** The paths at which it has a repository of its own. */
  links: string[]
  /** The names in its topmost folder. */
  tops: Set<string>
}

const HASH_BYTES = 20
const HEADER_BYTES = 12
/** Times, numbers and sizes of a file, then its hash, then the flags. */
const FLAGS_AT = 40 + HASH_BYTES
const NAME_AT = FLAGS_AT + 2
const MODE_AT = 24
const LINK = 0o160000
const ASSUMED = 0x8000
const EXTENDED = 0x4000
const SKIPPED = 0x4000
const SLASH = 0x2f

/** The facts of an index; null where only git can tell them. */
export function readIndexFile(file: string): PlainIndex | null {
  try {
    const bytes = plainBytes(file)
    return bytes && isWhole(bytes) ? plainIndex(bytes) : null
  } catch {
    return null
  }
}

/** Whether it ends in the right SHA-1 of all that is before. */
function isWhole(bytes: Buffer): boolean {
  if (bytes.length < HEADER_BYTES + HASH_BYTES || bytes.toString('latin1', 0, 4) !== 'DIRC') return false
  const end = bytes.length - HASH_BYTES
  return createHash('sha1').update(bytes.subarray(0, end)).digest().equals(bytes.subarray(end))
}

function plainIndex(bytes: Buffer): PlainIndex | null {
  const version = bytes.readUInt32BE(4)
  if (version < 2 || version > 4) return null
  const links: string[] = []
  const tops = new Set<string>()
  let name: Buffer = Buffer.alloc(0)
  let top: Buffer = Buffer.of(SLASH)
  let at = HEADER_BYTES
  for (let left = bytes.readUInt32BE(8); left > 0; left--) {
    const flags = bytes.readUInt16BE(at + FLAGS_AT)
    const isExtended = (flags & EXTENDED) !== 0
    if (flags & ASSUMED || (isExtended && bytes.readUInt16BE(at + NAME_AT) & SKIPPED)) return null
    const mode = bytes.readUInt32BE(at + MODE_AT)
    const from = at + NAME_AT + (isExtended ? 2 : 0)
    const entry: Entry = version === 4 ? shortenedName(bytes, from, name) : wholeName(bytes, at, from)
    name = entry.name
    at = entry.next
    const slash = name.indexOf(SLASH)
    const first = slash < 0 ? name : name.subarray(0, slash)
    // They are in order, so a folder's paths stand together.
    if (!first.equals(top)) {
      top = first
      tops.add(textOf(first))
    }
    if (mode === LINK) links.push(textOf(name))
  }
  return hasForeignPart(bytes, at) ? null : { links, tops }
}

interface Entry {
  name: Buffer
  next: number
}

/** Versions 2 and 3: the name, and one to eight NULs, so that each entry has a multiple of eight bytes. */
function wholeName(bytes: Buffer, at: number, from: number): Entry {
  const end = bytes.indexOf(0, from)
  return { name: bytes.subarray(from, end), next: at + ((end - at + 8) & ~7) }
}

/** Version 4: how many bytes of the name before are dropped, then what follows the rest, and a NUL. */
function shortenedName(bytes: Buffer, from: number, before: Buffer): Entry {
  let at = from
  let dropped = bytes[at]! & 127
  while (bytes[at++]! & 128) dropped = ((dropped + 1) << 7) | (bytes[at]! & 127)
  const end = bytes.indexOf(0, at)
  return { name: Buffer.concat([before.subarray(0, before.length - dropped), bytes.subarray(at, end)]), next: end + 1 }
}

/** Whether a part follows that nobody may pass over who does not know it: their names do not begin with a capital. */
function hasForeignPart(bytes: Buffer, from: number): boolean {
  const end = bytes.length - HASH_BYTES
  let at = from
  while (at + 8 <= end) {
    const first = bytes[at]!
    if (first < 0x41 || first > 0x5a) return true
    at += 8 + bytes.readUInt32BE(at + 4)
  }
  return at !== end
}
