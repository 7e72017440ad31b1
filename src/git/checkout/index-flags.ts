import { copyFileSync, lstatSync, mkdtempSync, rmSync, statSync, utimesSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileAt } from '../file-names.ts'
import type { Git } from '../git.ts'
import { gitFolderOf } from '../repository.ts'
import { readIndexFile } from './index-file.ts'

/*
 * A path of the index may have a flag that makes git take its file for unchanged without looking: assume-unchanged and skip-worktree
 * (`git update-index`). A change under such a flag is in no status and in no commit, and is deleted with a worktree that looks clean. So
 * git is asked with an index in which no path is flagged.
 */

/** A path under such a flag. */
export interface Flagged {
  path: string
  /** Its entry as `update-index --index-info` takes it, without the flags. */
  entry: string
  assumed: boolean
  skipped: boolean
}

/** What an index says beside what a status tells. */
export interface IndexFacts {
  /** Paths that a sparse checkout leaves out have a flag and no file; they do not count. */
  flagged: Flagged[]
  /** The paths at which it has a repository of its own. */
  links: string[]
  /** The names in its topmost folder. */
  tops: Set<string>
}

/** Reads the checkout's index or the one that `env` names. Asks git only where its file has flags, or cannot be read without git. */
export async function readIndex(git: Git, env: Record<string, string> = {}): Promise<IndexFacts> {
  const own = env.GIT_INDEX_FILE === undefined
  const stamp = own && !git.isRedirected ? stampOfIndex(git.cwd) : null
  const known = stamp && read.get(git.cwd)
  if (known && known.stamp === stamp) return present(git, known.facts)
  const file = git.isRedirected ? null : (env.GIT_INDEX_FILE ?? indexOf(git.cwd))
  const plain = file && readIndexFile(file)
  const facts = plain ? { flagged: [], ...plain } : await askIndex(git, env)
  if (stamp !== null) {
    if (read.size > 1_000) read.clear()
    read.set(git.cwd, { stamp, facts })
  }
  return present(git, facts)
}

/** The file of a checkout's index, at whose top git works; null where that cannot be told. */
function indexOf(checkout: string): string | null {
  const gitDir = gitFolderOf(checkout)
  return gitDir && join(gitDir, 'index')
}

/** What was read last, by the checkout. */
const read = new Map<string, { stamp: string; facts: IndexFacts }>()

/** Identifies the state of a checkout's index; null where that is not possible. */
function stampOfIndex(checkout: string): string | null {
  const gitDir = gitFolderOf(checkout)
  const entry = gitDir && statSync(join(gitDir, 'index'), { bigint: true, throwIfNoEntry: false })
  if (!entry) return null
  // An index that was just written may be written again within the same tick of the file system's clock.
  const isSettled = Date.now() - Number(entry.ctimeNs / 1_000_000n) > CLOCK_TICK_MS
  return isSettled ? `${gitDir} ${entry.ino} ${entry.size} ${entry.mtimeNs} ${entry.ctimeNs}` : null
}

const CLOCK_TICK_MS = 20

const topOf = (path: string) => path.split('/', 1)[0] ?? path

/** Without what a sparse checkout leaves out. */
function present(git: Git, { flagged, ...rest }: IndexFacts): IndexFacts {
  return { ...rest, flagged: flagged.filter(({ path, skipped }) => !skipped || isThere(git.cwd, path)) }
}

async function askIndex(git: Git, env: Record<string, string>): Promise<IndexFacts> {
  const lines = await git.names(['ls-files', '-v', '-s', '-z'], { slow: true, env })
  const links = lines.filter(line => line.startsWith('160000 ', 2)).map(line => line.slice(line.indexOf('\t') + 1))
  const flagged = lines.flatMap(line => {
    const tag = line[0]!
    const skipped = tag === 'S' || tag === 's'
    const assumed = tag >= 'a' && tag <= 'z'
    if (!skipped && !assumed) return []
    const at = line.indexOf('\t')
    return { path: line.slice(at + 1), entry: line.slice(2, at), assumed, skipped }
  })
  const tops = new Set(lines.map(line => topOf(line.slice(line.indexOf('\t') + 1))))
  return { flagged, links, tops }
}

function isThere(top: string, path: string): boolean {
  try {
    return lstatSync(fileAt(top, path), { throwIfNoEntry: false })?.isDirectory() === false
  } catch {
    return false
  }
}

/** Makes the entries anew, without flags, in the checkout's index or the one that `env` names. */
export async function liftFlags(git: Git, flagged: Flagged[], env: Record<string, string> = {}): Promise<void> {
  if (flagged.length === 0) return
  await git.run(['update-index', '-z', '--index-info'], { env, input: flagged.map(({ entry, path }) => `${entry}\t${path}\0`).join('') })
}

/** Does some work with a copy of the checkout's index in which these paths are not flagged. */
export async function withoutFlags<T>(git: Git, flagged: Flagged[], work: (env: Record<string, string>) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'agent-runner-'))
  try {
    const env = { GIT_INDEX_FILE: join(folder, 'index') }
    copyIndex(resolve(git.cwd, (await git.run(['rev-parse', '--git-path', 'index'])).replace(/\n$/, '')), env.GIT_INDEX_FILE)
    await liftFlags(git, flagged, env)
    return await work(env)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Copies an index so that git compares contents where it cannot be sure. */
export function copyIndex(from: string, to: string): void {
  copyFileSync(from, to)
  // A change within the same clock tick as the copy would look old. An older index makes git compare contents.
  const written = statSync(from).mtimeMs / 1000 - 2
  utimesSync(to, written, written)
}

/** Flags paths in the checkout's index as they were: those in `before` that are not, and of the others none. Paths that went are passed over. */
export async function flagAgain(git: Git, before: Record<string, string> | undefined, now: Flagged[]): Promise<void> {
  if (before === undefined) return
  const is = flagsOf(now)
  const paths = [...new Set([...Object.keys(before), ...Object.keys(is)])].filter(path => before[path] !== is[path])
  if (paths.length === 0) return
  const there = new Set(await git.names(['ls-files', '-z'], { slow: true }))
  for (const [letter, flag] of [
    ['a', 'assume-unchanged'],
    ['s', 'skip-worktree'],
  ] as const) {
    const changed = paths.filter(path => there.has(path) && !!before[path]?.includes(letter) !== !!is[path]?.includes(letter))
    for (const on of [true, false]) {
      const input = changed.flatMap(path => (!!before[path]?.includes(letter) === on ? [`${path}\0`] : [])).join('')
      if (input) await git.run(['update-index', `--${on ? '' : 'no-'}${flag}`, '-z', '--stdin'], { input })
    }
  }
}

/** The flags of each path, as letters. */
export function flagsOf(flagged: Flagged[]): Record<string, string> {
  return Object.fromEntries(flagged.map(({ path, assumed, skipped }) => [path, `${assumed ? 'a' : ''}${skipped ? 's' : ''}`]))
}
