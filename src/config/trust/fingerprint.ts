import { lstatSync, readdirSync, readlinkSync, realpathSync, statSync } from 'node:fs'
import { join, relative } from 'node:path'
import { readPlainFile } from '../../machine/files/plain-file.ts'
import type { ReadFile } from '../sources/text-file.ts'
import type { Demand } from './agent-files.ts'
import { isInside, realPath } from './places.ts'

/** Everything in a repository that decides or runs something. */
export interface Evidence {
  repo: string
  /** Its settings files, as they were read. */
  read: ReadFile[]
  /** Files, and folders of which every file counts; wherever they are. */
  paths: string[]
  /** The files that a command names, whether they exist or not. */
  commands: string[]
  demands: Demand[]
}

/** A folder with more than this is no folder of hooks: somebody means something else. */
const MOST_FILES = 1_000
const MOST_BYTES = 32 * 1024 * 1024

/** The SHA-256 of every file that decides or runs something, by its name from the repository. Throws when there are too many to hash. */
export function fingerprint({ repo, read, paths, commands, demands }: Evidence): Record<string, string> {
  const files: Record<string, string> = {}
  const name = (path: string) => (path.startsWith(`${repo}/`) ? relative(repo, path) : path)
  for (const { path, bytes } of read) files[name(path)] = hash(bytes)
  for (const path of paths) for (const [file, digest] of hashAll(path, repo)) files[name(file)] = digest
  for (const path of commands) for (const [file, digest] of hashesOf(path, repo)) files[name(file)] = digest
  for (const { name: at, weight } of demands) files[at] = hash(weight)
  return files
}

/**
 * The files that a path of a repository stands for. A link that leads out of it counts as its target's path: files outside do not belong
 * to the repository, and a program there has updates of its own.
 */
export function hashesOf(path: string, repo: string): Map<string, string> {
  if (isInside(repo, path)) return isThere(path) ? hashAll(path, repo) : new Map()
  if (!path.startsWith(`${repo}/`)) return new Map()
  return new Map([[path, `leads to ${realPath(path)}`]])
}

const hashAll = (path: string, repo: string) => (isFolder(path) ? hashFolder(path, repo) : new Map([[path, hashFile(path)]]))
const isThere = (path: string) => lstatSync(path, { throwIfNoEntry: false }) !== undefined

/**
 * Every file below a folder, by its path, with its hash. A link to a folder of the repository counts with all that is in it; one that leads
 * elsewhere counts as the link that it is. Throws for too many.
 */
function hashFolder(folder: string, repo: string): Map<string, string> {
  const found = new Map<string, string>()
  let entries = 0
  let bytes = 0
  const visit = (at: string, above: string[]) => {
    const here = realpathSync.native(at)
    // A link that leads back to its own folder says nothing new.
    if (above.includes(here)) return
    for (const entry of readdirSync(at, { withFileTypes: true })) {
      const path = join(at, entry.name)
      bytes += sizeOf(path)
      if (++entries > MOST_FILES || bytes > MOST_BYTES)
        throw new Error(`${folder} holds more than ${MOST_FILES} files or ${MOST_BYTES / 1024 ** 2} MB, which is too much for hooks`)
      if (entry.isDirectory() || (entry.isSymbolicLink() && isFolder(path) && isInside(repo, path))) visit(path, [...above, here])
      else found.set(path, hashFile(path))
    }
  }
  visit(folder, [])
  return found
}

/** The differences from what was trusted, in words. */
export function differences(before: Record<string, string>, now: Record<string, string>): string[] {
  const names = [...new Set([...Object.keys(before), ...Object.keys(now)])].sort()
  return names.flatMap(name => {
    if (now[name] === undefined) return [`${name} is gone, or says nothing any more`]
    if (before[name] === undefined) return [`${name} is new`]
    return before[name] === now[name] ? [] : [`${name} has changed`]
  })
}

/** Another user to whom the repository or one of the files belongs; null when all are ours. Files of root count as ours. */
export function foreignOwner({ repo, read, paths, commands, demands }: Evidence): { path: string; uid: number } | null {
  const own = process.getuid?.()
  if (own === undefined) return null
  const places = [repo, ...read.map(file => file.path), ...paths, ...commands, ...demands.map(demand => join(repo, demand.name))]
  for (const path of places) {
    const uid: number = statSync(path, { throwIfNoEntry: false })?.uid ?? own
    if (uid !== own && uid !== 0) return { path, uid }
  }
  return null
}

function sizeOf(path: string): number {
  try {
    return statSync(path).size
  } catch {
    // A link that leads nowhere, or back to itself.
    return 0
  }
}

function hashFile(path: string): string {
  const read = readPlainFile(path, MOST_BYTES)
  if (read.is === 'large') throw new Error(`${path} has more than ${MOST_BYTES / 1024 ** 2} MB`)
  if (read.is === 'file') return hash(read.bytes)
  // A dangling link, a link to a folder elsewhere, a pipe: named, but never opened.
  return `not a file: ${lstatSync(path).isSymbolicLink() ? readlinkSync(path) : 'special'}`
}

/** Whether this is a folder, links followed. */
export const isFolder = (path: string) => {
  try {
    return statSync(path).isDirectory()
  } catch {
    return false
  }
}

/** SHA-256 in hex. Most starts need none, and node:crypto takes long to load. */
export const hash = (content: string | Buffer) => process.getBuiltinModule('node:crypto').createHash('sha256').update(content).digest('hex')
