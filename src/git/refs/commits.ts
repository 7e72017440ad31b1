import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { plainText } from '../../machine/files/plain-file.ts'
import type { Git } from '../git.ts'
import { commonOf, gitFolderOf, refsAreFiles } from '../repository.ts'
import { emptyTree } from '../trees/trees.ts'

/** The tree of a commit; without a commit it is the empty one. */
export async function treeOf(git: Git, commit: string | null): Promise<string> {
  return commit === null ? await emptyTree(git) : (await git.run(['rev-parse', `${commit}^{tree}`])).trim()
}

/** The tree of what may be a commit; null when it is none. */
export async function treeIfAny(git: Git, revision: string): Promise<string | null> {
  return (await git.ask(['rev-parse', '-q', '--verify', `${revision}^{tree}`]))?.trim() ?? null
}

/** The tree of HEAD; the empty one before the first commit. */
export async function headTree(git: Git): Promise<string> {
  return (await treeIfAny(git, 'HEAD')) ?? (await emptyTree(git))
}

/** Whether everything of `before` is in `after`; a commit is in itself. */
export async function isAncestor(git: Git, before: string, after: string): Promise<boolean> {
  if (before === after || within.has(`${before} ${after}`)) return true
  const isWithin = (await git.ask(['merge-base', '--is-ancestor', before, after])) !== null
  if (isWithin) noteAncestor(git, before, after)
  return isWithin
}

/** Remembers that git has found the commit `before` in the history of `after`. Both by their whole hashes, else nothing is remembered. */
export function noteAncestor(git: Git, before: string, after: string): void {
  if (!isHash(before) || !isHash(after) || !hasPlainHistory(git)) return
  if (within.size > 1_000) within.clear()
  within.add(`${before} ${after}`)
}

/** Pairs of commits, the second of which has the first in its history: a commit names its parents for ever. */
const within = new Set<string>()

const isHash = (name: string) => /^([0-9a-f]{40}|[0-9a-f]{64})$/.test(name)

/** Whether a commit's parents are those that it names, and no others instead of them (grafts, replacements, a shallow clone). */
function hasPlainHistory(git: Git): boolean {
  const gitDir = git.isRedirected ? null : gitFolderOf(git.cwd)
  const commonDir = gitDir && commonOf(gitDir)
  if (!commonDir || !refsAreFiles({ commonDir })) return false
  if (['shallow', 'info/grafts', 'refs/replace'].some(name => existsSync(join(commonDir, name)))) return false
  return !(plainText(join(commonDir, 'packed-refs')) ?? '').includes(' refs/replace/')
}
