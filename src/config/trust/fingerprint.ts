import { lstatSync, readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs'
import { join, relative } from 'node:path'
import type { ReadFile } from '../text-file.ts'
import type { Demand } from './agent-files.ts'

/** What has a say in a repository. */
export interface Evidence {
  repo: string
  /** Its settings files, as they were read. */
  read: ReadFile[]
  /** Folders of which every file counts. */
  folders: string[]
  paths: string[]
  demands: Demand[]
}

/** More than this is no folder of hooks; somebody means something else. */
const MOST_FILES = 1_000
const MOST_BYTES = 32 * 1024 * 1024

/** The SHA-256 of every file that has a say, by its name from the repository. Throws for more than can be vouched for. */
export function fingerprint({ repo, read, folders, paths, demands }: Evidence): Record<string, string> {
  const files: Record<string, string> = {}
  const name = (path: string) => (path.startsWith(`${repo}/`) ? relative(repo, path) : path)
  for (const { path, bytes } of read) files[name(path)] = hash(bytes)
  for (const path of paths) files[name(path)] = hashFile(path)
  for (const folder of folders) for (const [path, digest] of hashFolder(folder)) files[name(path)] = digest
  for (const { name: at, weight } of demands) files[at] = hash(weight)
  return files
}

/** Every file below a folder, by its path, with its hash. A link to a folder counts as the link that it is. Throws for too many. */
export function hashFolder(folder: string): Map<string, string> {
  const found = new Map<string, string>()
  let entries = 0
  let bytes = 0
  const visit = (at: string) => {
    for (const entry of readdirSync(at, { withFileTypes: true })) {
      const path = join(at, entry.name)
      bytes += statSync(path, { throwIfNoEntry: false })?.size ?? 0
      if (++entries > MOST_FILES || bytes > MOST_BYTES)
        throw new Error(`${folder} holds more than ${MOST_FILES} files or ${MOST_BYTES / 1024 ** 2} MB, which is too much for hooks`)
      if (entry.isDirectory()) visit(path)
      else found.set(path, hashFile(path))
    }
  }
  visit(folder)
  return found
}

/** What is not as it was trusted, in words. */
export function differences(before: Record<string, string>, now: Record<string, string>): string[] {
  const names = [...new Set([...Object.keys(before), ...Object.keys(now)])].sort()
  return names.flatMap(name => {
    if (now[name] === undefined) return [`${name} is gone, or says nothing any more`]
    if (before[name] === undefined) return [`${name} is new`]
    return before[name] === now[name] ? [] : [`${name} has changed`]
  })
}

/** Another user to whom the repository or one of the files belongs; null when all are ours. What is root's is as good as ours. */
export function foreignOwner({ repo, read, folders, paths, demands }: Evidence): { path: string; uid: number } | null {
  const own = process.getuid?.()
  if (own === undefined) return null
  const places = [repo, ...read.map(file => file.path), ...folders, ...paths, ...demands.map(demand => join(repo, demand.name))]
  for (const path of places) {
    const uid: number = statSync(path, { throwIfNoEntry: false })?.uid ?? own
    if (uid !== own && uid !== 0) return { path, uid }
  }
  return null
}

function hashFile(path: string): string {
  const entry = statSync(path, { throwIfNoEntry: false })
  if (entry?.isFile() && entry.size > MOST_BYTES) throw new Error(`${path} has more than ${MOST_BYTES / 1024 ** 2} MB`)
  if (entry?.isFile()) return hash(readFileSync(path))
  // A dangling link, a link to a folder, a pipe: named, but never opened.
  return `not a file: ${lstatSync(path).isSymbolicLink() ? readlinkSync(path) : 'special'}`
}

/** SHA-256 in hex. Most starts need none, and node:crypto takes long to load. */
export const hash = (content: string | Buffer) => process.getBuiltinModule('node:crypto').createHash('sha256').update(content).digest('hex')
