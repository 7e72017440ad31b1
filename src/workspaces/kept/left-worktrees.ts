import { readdirSync, statSync } from 'node:fs'
import { join, sep } from 'node:path'
import { listWorktrees, realPath } from '../../git/checkout/worktree-list.ts'
import type { Git } from '../../git/git.ts'
import { identityEnv } from '../../git/identity.ts'
import { branchTip } from '../../git/refs/base-commit.ts'
import type { Repository } from '../../git/repository.ts'
import { dropPrivateIndex } from '../../git/trees/snapshot.ts'
import { emptyTree } from '../../git/trees/trees.ts'
import { isHalf, sourceOf } from '../clone/clone-make.ts'
import { strayLinks } from '../submodules.ts'
import { openCheckout } from './checkout.ts'
import { pictureOf } from './keep-checkout.ts'
import { commitTree } from './rescue.ts'

/** A worktree or clone that no unfinished run works in. */
export interface LeftWorktree {
  path: string
  /** The git folder of the repository whose clone it is; null for a worktree. */
  cloneOf: string | null
  /** `folder`: there are files, but git knows nothing of them any more. */
  state: 'checkout' | 'folder' | 'unreadable'
  branch: string | null
  /** Changed and untracked paths that are in no commit. */
  uncommitted: string[]
  /** Epoch milliseconds of the last change of the folder itself. */
  at: number
  problem: string | null
}

/** The paths of all worktrees and other folders below `base`; none when it is not there. */
export async function pathsBelow(git: Git, repository: Repository, base: string): Promise<string[]> {
  const listed = (await listWorktrees(git, repository)).map(worktree => realPath(worktree.path))
  const folders = foldersIn(base)
  return [...new Set([...listed.filter(path => path.startsWith(base + sep)), ...folders.map(realPath)])]
}

function foldersIn(path: string): string[] {
  try {
    return readdirSync(path, { withFileTypes: true }).flatMap(entry => (entry.isDirectory() ? [join(path, entry.name)] : []))
  } catch {
    // It is missing, or no folder.
    return []
  }
}

/** The paths of all worktrees and clones of a state folder, of whatever repository; halves of clones are nobody's work. */
export function pathsInState(state: string): string[] {
  const found = ['worktrees', 'clones'].flatMap(kind => foldersIn(join(state, kind)).flatMap(foldersIn))
  return found.filter(path => !isHalf(path)).map(realPath)
}

/** The state of the worktree or clone at a path; null when nothing is there. Never throws. */
export async function readLeft(path: string, timeoutMs: number): Promise<LeftWorktree | null> {
  const folder = statSync(path, { throwIfNoEntry: false })
  if (!folder?.isDirectory()) return null
  const left: LeftWorktree = {
    path,
    cloneOf: sourceOf(path),
    state: 'folder',
    branch: null,
    uncommitted: [],
    at: folder.mtimeMs,
    problem: null,
  }
  try {
    const found = await openCheckout(path, timeoutMs)
    if (!found) return readdirSync(path).length === 0 ? null : left
    const { branch, entries } = found.status
    return { ...left, state: 'checkout', branch, uncommitted: entries.map(entry => entry.path) }
  } catch (failure) {
    return { ...left, state: 'unreadable', problem: (failure as Error).message }
  }
}

/** What a checkout holds, as a commit on no branch: its HEAD when nothing is uncommitted. */
export interface CheckoutCommit {
  git: Git
  sha: string
  /** The commit or tree that it stands on. */
  base: string
  /** What could not be read; null when all is in it. */
  incomplete: string | null
}

/** Puts all of a checkout into a commit without touching the checkout or its index. Null when it is none, or has nothing to commit. */
export async function commitOfCheckout(
  path: string,
  message: string,
  author: { name: string; email: string } | null,
  timeoutMs: number,
): Promise<CheckoutCommit | null> {
  const found = await openCheckout(path, timeoutMs)
  if (!found) return null
  const { git, repository, status } = found
  const base = status.head ?? (await emptyTree(git))
  if (status.entries.length === 0 && (await strayLinks(git, status)).length === 0)
    return status.head === null ? null : { git, sha: status.head, base, incomplete: null }
  // Use a name of this process's own, since a runner may take a picture of the same checkout.
  const index = `rescue-${process.pid}`
  try {
    const { tree, incomplete } = await pictureOf(git, repository.gitDir, index, status)
    const parent = status.head && (await branchTip(git, status.head))
    return { git, sha: await commitTree(git, tree, parent, message, await identityEnv(git, author)), base, incomplete }
  } finally {
    dropPrivateIndex(repository.gitDir, index)
  }
}
