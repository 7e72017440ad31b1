import { lstatSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { plainText } from '../../machine/files/plain-file.ts'
import type { Git } from '../git.ts'
import { type Repository, refsAreFiles } from '../repository.ts'

/** Where the branches of a repository stand, and what is in `git stash`, the latest first. */
export interface RefPicture {
  branches: Record<string, string>
  /** Tags and replacements, by their full names. */
  tags: Record<string, string>
  stash: string[]
}

/** Reads both. Without git where the refs are files, since it is asked at the beginning and the end of every run. */
export async function readRefs(git: Git, repository: Repository): Promise<RefPicture> {
  const inFiles = refsAreFiles(repository) ? await refsInFiles(repository.commonDir) : null
  const refs = inFiles ?? (await refsOfGit(git))
  const top = refs.get('refs/stash')
  const branches = [...refs].flatMap(([ref, sha]) => (ref.startsWith(HEADS) ? [[ref.slice(HEADS.length), sha] as const] : []))
  const tags = [...refs].filter(([ref]) => /^refs\/(?:tags|replace)\//.test(ref))
  return {
    branches: Object.fromEntries(branches),
    tags: Object.fromEntries(tags),
    stash: top === undefined ? [] : await stashEntries(git, top),
  }
}

/** Whether there is surely no such ref and none below it, by files alone; false where refs are no files. */
export async function isNoRef(repository: Repository, ref: string): Promise<boolean> {
  const { commonDir } = repository
  const loose = lstatSync(join(commonDir, ref), { throwIfNoEntry: false })
  const isFree = !loose || (loose.isDirectory() && (await namesIn(join(commonDir, ref))).length === 0)
  return isFree && refsAreFiles(repository) && !(await textIn(join(commonDir, 'packed-refs'))).includes(` ${ref}`)
}

const HEADS = 'refs/heads/'
const FURTHER = ['refs/tags/', 'refs/replace/']

async function refsOfGit(git: Git): Promise<Map<string, string>> {
  const lines = (await git.run(['for-each-ref', '--format=%(refname) %(objectname)', HEADS, ...FURTHER, 'refs/stash']))
    .split('\n')
    .filter(Boolean)
  return new Map(lines.map(line => line.split(' ') as [string, string]))
}

async function stashEntries(git: Git, top: string): Promise<string[]> {
  const log = await git.ask(['log', '-g', '--format=%H', 'refs/stash', '--'])
  const entries = (log ?? '').split('\n').filter(Boolean)
  return entries.length > 0 ? entries : [top]
}

/** With more files than this git is faster: it takes 14 ms to read a thousand, and we up to 50. */
const MOST_FILES = 100

/** The refs of `packed-refs` and over them those that are files of their own; null when one of them is none of ours to read, or there are many. */
async function refsInFiles(commonDir: string): Promise<Map<string, string> | null> {
  const refs = new Map<string, string>()
  for (const line of textIn(join(commonDir, 'packed-refs')).split('\n')) {
    const found = /^([0-9a-f]{40,64}) (refs\/(?:(?:heads|tags|replace)\/.+|stash))$/.exec(line)
    if (found) refs.set(found[2]!, found[1]!)
  }
  const loose = (await Promise.all([HEADS, ...FURTHER].map(async folder => await looseIn(commonDir, folder)))).flat()
  if (loose.length > MOST_FILES) return null
  for (const ref of [...loose, 'refs/stash']) {
    const text = textIn(join(commonDir, ref)).trim()
    // It points to another ref.
    if (text.startsWith('ref:')) return null
    if (text !== '') refs.set(ref, text)
  }
  return refs
}

async function looseIn(commonDir: string, folder: string): Promise<string[]> {
  const entries = await readdir(join(commonDir, folder), { recursive: true, withFileTypes: true }).catch(() => [])
  return entries
    .filter(entry => entry.isFile() && !entry.name.endsWith('.lock'))
    .map(entry => join(entry.parentPath, entry.name).slice(commonDir.length + 1))
}

async function namesIn(folder: string): Promise<string[]> {
  return await readdir(folder).catch(() => [])
}

function textIn(file: string): string {
  try {
    return plainText(file) ?? ''
  } catch {
    return ''
  }
}
