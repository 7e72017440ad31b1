import { createHash } from 'node:crypto'
import { lstatSync, readdirSync, readlinkSync, realpathSync, type Stats } from 'node:fs'
import { basename, dirname, join, relative, sep } from 'node:path'
import * as z from 'zod'
import { bytesOf, fileAt, textOf } from '../../git/file-names.ts'
import type { Repository } from '../../git/repository.ts'
import { kindOf, plainText, readPlainFile } from '../../machine/files/plain-file.ts'
import { stampAt } from '../hidden-files.ts'

/*
 * Files in a git folder that git runs, or goes by, in all checkouts: hooks with all that lies beside them, attributes, grafts, other folders of objects,
 * and files of settings that are included. The run's picture has them with their content, so that they can be put back. Nothing here runs git.
 */

/** So much of one file, and of all of them, is kept. Of a larger one the hash must do. */
const MOST_BYTES = 64 * 1024
const MOST_IN_ALL = 1024 ** 2
/** A file that is larger than this is known by its stamp. */
const MOST_HASHED = 64 * 1024 ** 2
/** So many entries of folders of hooks are looked at. */
const MOST_ENTRIES = 1_000
const RIGHTS = 0o777

const SteeringFile = z.discriminatedUnion('is', [
  z.object({ is: z.literal('absent') }),
  /** `content` in base64; null when it is too large. */
  z.object({ is: z.literal('file'), mode: z.number(), hash: z.string(), content: z.string().nullable() }),
  z.object({ is: z.literal('link'), target: z.string() }),
  /** `whole`: all that is in it is in the picture. */
  z.object({ is: z.literal('folder'), mode: z.number(), whole: z.boolean() }),
  z.object({ is: z.literal('other'), what: z.string() }),
])
export type SteeringFile = z.infer<typeof SteeringFile>

export const ABSENT: SteeringFile = { is: 'absent' }

const Places = z.object({
  gitFolders: z.array(z.string()),
  /** The folders of hooks in them. */
  hooks: z.array(z.string()),
  /** Files of settings in them that others include. */
  included: z.array(z.string()),
})

/** By absolute path. */
export const SteeringFiles = z.object({ places: Places, files: z.record(z.string(), SteeringFile) })
export type SteeringFiles = z.infer<typeof SteeringFiles>

/** A path that is not as it was. */
const Deviation = z.object({ path: z.string(), was: SteeringFile, found: SteeringFile })
export type Deviation = z.infer<typeof Deviation>

/** One that is put back; `aside` is where goes what was found. */
export const Moved = Deviation.extend({ aside: z.string().nullable() })
export type Moved = z.infer<typeof Moved>

/** What another run did: a path that was `was`, was found as `found` and is `now` as it left it. */
export const OthersMove = Deviation.extend({ now: SteeringFile })
export type OthersMove = z.infer<typeof OthersMove>

/** Looks at all that steers git in a repository and, for a clone, in that clone. */
export function seeSteering(repository: Repository, clone: string | null): SteeringFiles {
  const { commonDir, root, hooks } = repository
  const gitFolders = [commonDir, ...(clone === null ? [] : [join(clone, '.git')])]
  // A relative `core.hooksPath` leads into the clone's own git folder there.
  const inClone = clone !== null && isBelow(hooks, root) ? [join(clone, relative(root, hooks))] : []
  const named = [...gitFolders.map(folder => join(folder, 'hooks')), hooks, ...inClone]
  const real = named.flatMap(folder => [realParent(folder), realOf(folder)]).filter(folder => gitFolders.some(one => isBelow(folder, one)))
  const places = { gitFolders, hooks: [...new Set(real)], included: includedIn(gitFolders) }
  for (;;) {
    const files = lookAt(places, null)
    const further = ledTo(places, files)
    if (further.length === 0) return { places, files }
    for (const path of further) (entryAt(path)?.isDirectory() ? places.hooks : places.included).push(path)
  }
}

/** Where links among them lead in a git folder and nobody has looked. */
function ledTo({ gitFolders }: SteeringFiles['places'], files: SteeringFiles['files']): string[] {
  const links = Object.keys(files).filter(path => files[path]!.is === 'link')
  const targets = links.map(realOf).filter(path => !(path in files) && gitFolders.some(folder => isBelow(path, folder)))
  return [...new Set(targets)]
}

/** What is not as it was, parents first; below what is named nothing else is. Changes nothing. */
export function deviationsFrom({ places, files }: SteeringFiles): Deviation[] {
  const now = lookAt(places, files)
  const found: Deviation[] = []
  const passed = new Set<string>()
  const isPassed = (path: string): boolean => passed.has(path) || (dirname(path) !== path && isPassed(dirname(path)))
  for (const path of [...new Set([...Object.keys(files), ...Object.keys(now)])].sort()) {
    const parent = files[dirname(path)]
    // What came is known to have come where all that was there is known.
    const was = files[path] ?? (parent?.is === 'folder' && parent.whole ? ABSENT : null)
    const is = now[path] ?? ABSENT
    if (was === null || isPassed(path)) continue
    // With its folder, all that it steered is gone; what the user's own link leads to is not the agent's to be judged.
    if (parent ? parent.is === 'link' : !entryAt(dirname(path))?.isDirectory()) {
      passed.add(path)
      continue
    }
    const rule = ruleOf(path, places)
    const wanted = rule === 'lines' ? withItsLines(path, was, is) : was
    if (isAsWas(wanted, is, rule)) continue
    passed.add(path)
    found.push({ path, was: wanted, found: is })
  }
  return found
}

/** Whether a path is put back once it is not as it was, and told so. */
export function isJudged(path: string, { places, files }: SteeringFiles): boolean {
  const parent = files[dirname(path)]
  const was = files[path] ?? (parent?.is === 'folder' && parent.whole ? ABSENT : null)
  // What a link leads to is elsewhere.
  return was !== null && was.is !== 'link' && ruleOf(path, places) === 'all'
}

/** Where git finds hooks outside of the repository; null where it does not. */
export function hooksOutside({ commonDir, root, bare: isBare, hooks }: Repository, workspace: string): string | null {
  const real = realOf(hooks)
  const inside = [commonDir, workspace, ...(isBare ? [] : [root])]
  return inside.some(folder => isBelow(real, folder)) ? null : real
}

/** Whether both are the same; what is in a folder, and whether a content is kept, makes no difference. */
export const isSame = (one: SteeringFile, other: SteeringFile) => JSON.stringify(bare(one)) === JSON.stringify(bare(other))

/** Without what is kept of it. */
export function bare(file: SteeringFile): SteeringFile {
  if (file.is === 'file') return { ...file, content: null }
  return file.is === 'folder' ? { ...file, whole: false } : file
}

/** How a path is now. */
export function steeringFileAt(path: string, mostKept = 0): SteeringFile {
  const entry = entryAt(path)
  if (!entry) return ABSENT
  const mode = entry.mode & RIGHTS
  if (entry.isDirectory()) return { is: 'folder', mode, whole: false }
  if (entry.isSymbolicLink()) return { is: 'link', target: textOf(readlinkSync(asPath(path), { encoding: 'buffer' })) }
  if (!entry.isFile()) return { is: 'other', what: kindOf(entry) }
  const bytes = bytesAt(path)
  const hash = bytes ? hashOf(bytes) : stampAt(dirname(path), basename(path))
  return { is: 'file', mode, hash, content: bytes && bytes.length <= Math.min(mostKept, MOST_BYTES) ? bytes.toString('base64') : null }
}

const hashOf = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')

/** The path as the file system takes it. */
export const asPath = (path: string) => fileAt(dirname(path), basename(path))

/** Whether a path lies below a folder. */
export const isBelow = (path: string, folder: string) => path.startsWith(`${folder}${sep}`)

/** Where a path really lies; itself where it leads nowhere. */
function realOf(path: string): string {
  try {
    return textOf(realpathSync.native(asPath(path), { encoding: 'buffer' }))
  } catch {
    return realParent(path)
  }
}

/** The same with what stands there itself, and not what it leads to. */
function realParent(path: string): string {
  try {
    return join(textOf(realpathSync.native(asPath(dirname(path)), { encoding: 'buffer' })), basename(path))
  } catch {
    return path
  }
}

/** Files of settings that those of a git folder name and that lie in a git folder. Rather one too many than one too few. */
function includedIn(gitFolders: string[]): string[] {
  const found = gitFolders.flatMap(folder =>
    ['config', 'config.worktree'].flatMap(name => {
      const text = textAt(join(folder, name))
      const paths = [...text.matchAll(/^\s*(?:path|attributesFile|excludesFile)\s*=\s*"?(.+?)"?\s*$/gim)]
      return paths.map(([, path]) => realParent(path!.startsWith('/') ? path! : join(folder, path!)))
    }),
  )
  // What else is in a git folder has its own place in the picture.
  const isFree = (path: string) => !gitFolders.some(folder => ['config', 'config.worktree'].some(name => path === join(folder, name)))
  return [...new Set(found)].filter(path => gitFolders.some(folder => isBelow(path, folder)) && isFree(path))
}

function textAt(file: string): string {
  try {
    return plainText(file) ?? ''
  } catch {
    return ''
  }
}

/** Looks at all places; with what was `known`, only into folders that were folders then. */
function lookAt({ gitFolders, hooks, included }: SteeringFiles['places'], known: SteeringFiles['files'] | null): SteeringFiles['files'] {
  const files: SteeringFiles['files'] = {}
  let left = known ? 0 : MOST_IN_ALL
  const see = (path: string) => {
    const file = steeringFileAt(path, left)
    files[path] = file
    if (file.is === 'file' && file.content !== null) left -= file.content.length
    return file
  }
  const there = gitFolders.filter(folder => entryAt(folder)?.isDirectory())
  for (const folder of there) for (const name of SINGLE) see(join(folder, name))
  for (const path of [...hooks, ...included]) {
    const top = there.find(folder => isBelow(path, folder))
    if (top === undefined) continue
    for (const above of foldersBetween(top, path)) if (!(above in files)) see(above)
    see(path)
  }
  const queue = hooks.filter(folder => files[folder]?.is === 'folder')
  let entries = 0
  for (let folder = queue.shift(); folder !== undefined; folder = queue.shift()) {
    const before = known?.[folder]
    if (known && !(before?.is === 'folder' && before.whole)) continue
    const names = namesIn(folder)
    entries += names?.length ?? 0
    if (names === null || (!known && entries > MOST_ENTRIES)) continue
    files[folder] = { ...(files[folder] as SteeringFile & { is: 'folder' }), whole: true }
    const paths = names.map(name => join(folder, name))
    // Of a million that came there are enough to begin with.
    const came = known ? paths.filter(path => !(path in known)).slice(MOST_ENTRIES) : []
    const passed = new Set(came)
    for (const path of paths) if (!passed.has(path) && see(path).is === 'folder') queue.push(path)
  }
  return files
}

/** Settings have pictures of their own. */
const SINGLE = ['info', 'info/attributes', 'info/grafts', 'info/exclude', 'objects/info', 'objects/info/alternates']

function foldersBetween(top: string, path: string): string[] {
  const parts = relative(top, path).split(sep).slice(0, -1)
  return parts.map((_, at) => join(top, ...parts.slice(0, at + 1)))
}

/** What a folder of hooks has, without samples; null where it cannot be read. */
export function namesIn(folder: string): string[] | null {
  try {
    const names = readdirSync(asPath(folder), { encoding: 'buffer' }).map(textOf)
    // Git runs none of these.
    return names.filter(name => !name.endsWith('.sample')).sort()
  } catch {
    return null
  }
}

function entryAt(path: string): Stats | undefined {
  try {
    return lstatSync(asPath(path), { throwIfNoEntry: false })
  } catch {
    // A part of the path is no folder.
    return undefined
  }
}

function bytesAt(path: string): Buffer | null {
  try {
    const read = readPlainFile(asPath(path), MOST_HASHED)
    return read.is === 'file' ? read.bytes : null
  } catch {
    return null
  }
}

/**
 * How a path is judged. `all`: it is to be as it was · `there`: git and the runner write it too, so only what is gone comes back · `lines`: what the agent
 * committed may need further folders of objects, so its lines may become more · `folder`: it is to be a folder once it is there.
 */
type Rule = 'all' | 'there' | 'lines' | 'folder'

function ruleOf(path: string, { gitFolders, hooks, included }: SteeringFiles['places']): Rule {
  if (gitFolders.some(folder => path === join(folder, 'info/exclude'))) return 'there'
  if (gitFolders.some(folder => path === join(folder, 'objects/info/alternates'))) return 'lines'
  if (hooks.some(folder => path === folder || isBelow(path, folder))) return 'all'
  const holds =
    gitFolders.some(folder => [join(folder, 'info'), join(folder, 'objects/info')].includes(path)) ||
    [...hooks, ...included].some(one => isBelow(one, path))
  return holds ? 'folder' : 'all'
}

function isAsWas(was: SteeringFile, is: SteeringFile, rule: Rule): boolean {
  if (isSame(was, is)) return true
  if (was.is === 'folder' && is.is === 'folder') return rule === 'folder' || was.mode === is.mode
  if (rule === 'folder') return was.is === 'absent' && is.is === 'folder'
  if (rule === 'all') return false
  if (is.is === 'absent') return false
  // What is added is told. A link to a file is somebody's choice; git opens anything else in vain, or waits for it.
  const isFile = is.is === 'file' || is.is === 'link'
  return was.is === 'absent' || rule === 'there' ? isFile : is.is === 'file' && was.is === 'file' && was.hash === is.hash
}

/** A file as it was with the lines that were added to it; as it is where it lost none. */
function withItsLines(path: string, was: SteeringFile, is: SteeringFile): SteeringFile {
  if (was.is !== 'file' || was.content === null || is.is !== 'file') return was
  const lines = (bytes: Buffer) => textOf(bytes).split('\n').filter(Boolean)
  const before = lines(Buffer.from(was.content, 'base64'))
  const now = lines(bytesAt(path) ?? Buffer.alloc(0))
  if (before.every(line => now.includes(line))) return is
  const all = bytesOf([...new Set([...before, ...now])].map(line => `${line}\n`).join(''))
  return { ...was, hash: hashOf(all), content: all.toString('base64') }
}
