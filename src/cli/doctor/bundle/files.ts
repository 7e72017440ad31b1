import { lstatSync } from 'node:fs'
import { readJson } from '../../../core/json.ts'
import { lastBytes } from '../../../machine/files/file-chunks.ts'
import type { Entry } from './tar.ts'
import { withheld } from './withheld.ts'

/** Only the end of longer files is taken. Bytes. */
const LONGEST = 1024 * 1024
/** How much more is read, so that a secret that begins before the cut is still recognised when secrets are taken out. Bytes. */
const MARGIN = 64 * 1024

/** A document is taken whole or not at all. */
const LARGEST_DOCUMENT = 16 * LONGEST

/** Takes out secrets. */
export type Redact = (text: string) => string

/** The end of a text file, without secrets; null when there is no such file. */
export function textEntry(path: string, source: string, redact: Redact): Entry | null {
  const size = sizeOf(source)
  if (size === null) return null
  const text = redact(lastBytes(source, LONGEST + MARGIN))
  return { path, text: size > LONGEST ? cut(text, size) : text }
}

/** A JSON file without secrets and, unless `withWork`, without spoken texts. A file that is no JSON is only described. */
export function jsonEntry(path: string, source: string, redact: Redact, withWork: boolean): Entry | null {
  const size = sizeOf(source)
  if (size === null) return null
  if (size > LARGEST_DOCUMENT) return documentEntry(path, { problem: 'it is too large to be read here', bytes: size }, redact, true)
  const text = lastBytes(source, size)
  const value = parsed(text)
  if (value !== undefined) return documentEntry(path, value, redact, withWork)
  if (withWork) return textEntry(path, source, redact)
  return documentEntry(path, { problem: text.trim() === '' ? 'it is empty' : 'it is not JSON', bytes: size }, redact, true)
}

/** The end of a file of JSON lines, under the same rules; lines that are no JSON are counted. */
export function jsonLinesEntry(path: string, source: string, redact: Redact, withWork: boolean): Entry | null {
  const size = sizeOf(source)
  if (size === null) return null
  const lines = lastBytes(source, LONGEST + MARGIN).split('\n')
  // The first line is cut.
  if (size > LONGEST + MARGIN) lines.shift()
  let odd = 0
  const kept = lines.flatMap(line => {
    if (line === '') return []
    const value = parsed(line)
    if (value === undefined) odd++
    return value === undefined ? [] : [redact(JSON.stringify(withWork ? value : withheld(value)))]
  })
  if (odd > 0) kept.push(JSON.stringify({ lines_that_are_no_json: odd }))
  const text = kept.map(line => `${line}\n`).join('')
  return { path, text: size > LONGEST ? cut(text, size) : text }
}

/** A JSON document under the same rules. */
export function documentEntry(path: string, value: unknown, redact: Redact, withWork: boolean): Entry {
  return { path, text: `${redact(JSON.stringify(withWork ? value : withheld(value), null, 2))}\n` }
}

function sizeOf(path: string): number | null {
  try {
    // The target of a link is not ours to hand out.
    const entry = lstatSync(path)
    return entry.isFile() ? entry.size : null
  } catch {
    return null
  }
}

function cut(text: string, size: number): string {
  const end = text.slice(-LONGEST)
  return `[the end of ${size} bytes]\n${end.slice(end.indexOf('\n') + 1)}`
}

function parsed(text: string): unknown {
  try {
    return readJson(text)
  } catch {
    return undefined
  }
}
