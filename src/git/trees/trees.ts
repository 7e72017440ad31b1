import type { Git } from '../git.ts'

export interface TreeChange {
  path: string
  /** What it was and what it is now: `mode sha`; null when it is not there. */
  before: { mode: string; sha: string } | null
  now: { mode: string; sha: string } | null
}

/** The paths in which two trees (or commits) differ, file by file, renames as two. */
export async function treeChanges(git: Git, before: string, now: string): Promise<TreeChange[]> {
  if (before === now) return []
  return parseRaw(await git.names(['diff-tree', '-r', '-z', '--raw', '--no-renames', before, now], { slow: true }))
}

/** The same of many trees at once: how each of them differs from `before`, in all that is at or below the paths `within` (none: everywhere). Trees alone, no commits. */
export async function treesChanges(git: Git, before: string, trees: string[], within: string[] = []): Promise<Map<string, TreeChange[]>> {
  const found = new Map<string, TreeChange[]>()
  const input = trees.map(tree => `${before} ${tree}\n`).join('')
  const args = ['diff-tree', '--stdin', '-r', '-z', '--raw', '--no-renames', '--', ...within]
  const pieces = await git.names(args, { input, slow: true, env: { GIT_LITERAL_PATHSPECS: '1' } })
  let changes: TreeChange[] = []
  for (let at = 0; at < pieces.length; at += 2) {
    // What stands before a change names the trees that it is a change of; those that differ in nothing stand there alone.
    const [change = '', ...heads] = pieces[at]!.split('\n').reverse()
    for (const head of heads.reverse()) {
      changes = []
      found.set(head.split(' ')[1]!, changes)
    }
    if (change !== '') changes.push(...parseRaw([change, pieces[at + 1]!]))
  }
  return found
}

/** The paths in which the index differs from a tree or commit. */
export async function indexChanges(git: Git, tree: string, env: Record<string, string> = {}): Promise<TreeChange[]> {
  return parseRaw(await git.names(['diff-index', '--cached', '-r', '-z', '--raw', '--no-renames', tree], { slow: true, env }))
}

/** The tree without files. It needs not be stored: git knows it. */
export async function emptyTree(git: Git): Promise<string> {
  return (await git.run(['hash-object', '-t', 'tree', '/dev/null'])).trim()
}

/** Lines for `git update-index --index-info -z` that set each path to one side of its change; removals come first. */
export function indexInfo(changes: TreeChange[], side: 'before' | 'now'): string {
  // The zeros are as long as the repository's hashes are.
  const zeros = '0'.repeat((changes[0]?.before ?? changes[0]?.now)?.sha.length ?? 40)
  const removed = changes.filter(change => !change[side]).map(change => `0 ${zeros}\t${change.path}\0`)
  const kept = changes.flatMap(({ path, [side]: entry }) => (entry ? [`${entry.mode} ${entry.sha}\t${path}\0`] : []))
  return [...removed, ...kept].join('')
}

function parseRaw(parts: string[]): TreeChange[] {
  return rawAndLines(parts).changes
}

/** The pieces of `--raw -z`, and those of whatever was asked for beside it. */
export function rawAndLines(parts: string[]): { changes: TreeChange[]; lines: string[] } {
  const changes: TreeChange[] = []
  const lines: string[] = []
  for (let at = 0; at < parts.length; at++) {
    const part = parts[at]!
    if (!part.startsWith(':')) {
      lines.push(part)
      continue
    }
    const [beforeMode, mode, beforeSha, sha] = part.slice(1).split(' ') as [string, string, string, string]
    changes.push({
      path: parts[++at]!,
      before: beforeMode === '000000' ? null : { mode: beforeMode, sha: beforeSha },
      now: mode === '000000' ? null : { mode, sha },
    })
  }
  return { changes, lines }
}
