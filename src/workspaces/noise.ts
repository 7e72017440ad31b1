import { createHash } from 'node:crypto'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { lstat, readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import type { Status } from '../git/checkout/status.ts'
import { fileAt } from '../git/file-names.ts'
import type { Git } from '../git/git.ts'
import { stampAt } from './hidden-files.ts'

/** More files, or larger ones, are taken for changed when git says so. */
const MOST_FILES = 20_000
const MOST_BYTES = 64 * 1024 ** 2

/** A tracked file that git calls changed, and the blob that it is said to differ from. */
interface Suspect {
  path: string
  sha: string
}

/**
 * The checkout's status without files that only look changed: those that are, byte by byte, what a checkout of the index would write
 * (line endings or filters that do not fit what was once committed), and those that `before` names by path and stamp and nobody has
 * touched since.
 */
export async function withoutNoise(git: Git, status: Status, before: Record<string, string> = {}): Promise<Status> {
  if (status.entries.length === 0) return status
  const entries = status.entries.filter(entry => !isUntouched(git.cwd, entry.path, before))
  const noise = await noiseAmong(
    git,
    entries.flatMap(({ path, index }) => (index ? [{ path, sha: index }] : [])),
    entries.map(entry => entry.path),
  )
  return { ...status, entries: entries.filter(entry => !noise.has(entry.path)) }
}

/** Whether a path is as it was when its stamp was taken; false without one. */
export function isUntouched(top: string, path: string, before: Record<string, string>): boolean {
  return before[path] !== undefined && before[path] === stampAt(top, path)
}

/** The suspects that are as a checkout would write them. A change of `.gitattributes` is always meant. */
export async function noiseAmong(git: Git, suspects: Suspect[], changed: string[]): Promise<Set<string>> {
  if (suspects.length === 0 || suspects.length > MOST_FILES || changed.some(path => basename(path) === '.gitattributes')) return new Set()
  const noise = new Set<string>()
  const rest: Suspect[] = []
  for (const suspect of suspects) {
    const content = await contentOf(fileAt(git.cwd, suspect.path))
    if (content === null) continue
    if (blobHash(content, suspect.sha) === suspect.sha) noise.add(suspect.path)
    else rest.push(suspect)
  }
  // Without attributes there is no filter that could have changed more than line endings.
  if (rest.length > 0 && existsSync(join(git.cwd, '.gitattributes'))) for (const path of await asCheckedOut(git, rest)) noise.add(path)
  return noise
}

/** Those of the files that a checkout of their blobs would write just so. */
async function asCheckedOut(git: Git, suspects: Suspect[]): Promise<string[]> {
  const folder = mkdtempSync(join(tmpdir(), 'agent-runner-'))
  try {
    const env = { GIT_INDEX_FILE: join(folder, 'index') }
    const input = suspects.map(({ path, sha }) => `100644 ${sha}\t${path}\0`).join('')
    await git.run(['update-index', '-z', '--index-info'], { env, input })
    await git.ask(['checkout-index', '-q', '-a', `--prefix=${folder}/files/`], { env, slow: true })
    const same: string[] = []
    for (const { path } of suspects) {
      const [written, found] = [await contentOf(fileAt(`${folder}/files`, path)), await contentOf(fileAt(git.cwd, path))]
      if (written && found?.equals(written)) same.push(path)
    }
    return same
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

async function contentOf(file: string | Buffer): Promise<Buffer | null> {
  try {
    const stats = await lstat(file)
    return stats.isFile() && stats.size <= MOST_BYTES ? await readFile(file) : null
  } catch {
    return null
  }
}

/** The name that git gives to this content, by the kind of hash that `like` is. */
function blobHash(content: Buffer, like: string): string {
  return createHash(like.length === 64 ? 'sha256' : 'sha1')
    .update(`blob ${content.length}\0`)
    .update(content)
    .digest('hex')
}
