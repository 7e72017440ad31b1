import type { Git } from '../git.ts'
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
  return before === after || (await git.ask(['merge-base', '--is-ancestor', before, after])) !== null
}
