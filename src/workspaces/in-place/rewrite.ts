import type { Git } from '../../git/git.ts'
import { treeOf } from '../../git/refs/commits.ts'
import { mergedFile } from '../../git/trees/merged-file.ts'
import { dropPrivateIndex, privateIndex } from '../../git/trees/snapshot.ts'
import { indexInfo, type TreeChange, treeChanges } from '../../git/trees/trees.ts'
import { safeRun } from '../kept/rescue.ts'
import type { Place } from '../place.ts'
import { type Beside, type Made, replacedBy, type Users } from './made-here.ts'

/** How many earlier commits that were amended, rebased or reset are looked for at most. */
const MOST_REPLACED = 50

/** How many versions of files are merged at most. */
const MOST_MERGED = 500

export interface Rewritten {
  /**
   * The new commit for each commit: itself where nothing had to change, the commit before it where it held nothing else (null for none),
   * or an old commit that it now equals.
   */
  became: Map<string, string | null>
  /** The files whose other changes went too, since they could not be told apart from the user's. */
  lost: Set<string>
}

/**
 * Writes commits anew, oldest first, each without the changes that `out` names for it. In a file that somebody else changed too, that
 * part stays, where it can be told apart.
 */
export async function rewrite(
  beside: Beside,
  { repository, request }: Place,
  commits: Made[],
  out: Map<string, Users[]>,
): Promise<Rewritten> {
  const { git } = beside
  const run = safeRun(request.runId)
  const env = { GIT_INDEX_FILE: privateIndex(repository.gitDir, run) }
  const before = new Set(commits.flatMap(({ parents }) => parents))
  const ends = commits.map(({ sha }) => sha).filter(sha => !before.has(sha))
  const old = await replacedBy(beside, ends, MOST_REPLACED)
  const became = new Map<string, string | null>()
  const lost = new Set<string>()
  const merged = new Map<string, string | null>()
  const startOf = await startsOf(beside)
  try {
    for (const one of commits) became.set(one.sha, await again(one))
    return { became, lost }
  } finally {
    dropPrivateIndex(repository.gitDir, run)
  }

  async function again(one: Made): Promise<string | null> {
    const parents = [...new Set(one.parents.map(sha => (became.has(sha) ? became.get(sha)! : sha)))].filter(sha => sha !== null)
    const changes = out.get(one.sha) ?? []
    const tree = changes.length === 0 ? one.tree : await without(one.tree, changes)
    if (tree === one.tree && isSame(parents, one.parents)) return one.sha
    if (parents.length < 2 && tree === (await treeOf(git, parents[0] ?? null)) && !(await wasEmpty(git, one))) return parents[0] ?? null
    for (const { sha, tree: was, parents: from } of old)
      if (was === tree && isSame(from, parents) && said(await textOfCommit(git, sha)) === said(await textOfCommit(git, one.sha))) return sha
    return await commitLike(git, one.sha, tree, parents)
  }

  async function without(tree: string, changes: Users[]): Promise<string> {
    const set: TreeChange[] = []
    for (const change of changes) {
      const now = (change.mixed && (await apart(change))) || null
      if (change.mixed && now === null) lost.add(change.path)
      set.push({ ...change, now: now ?? change.before })
    }
    await git.run(['read-tree', tree], { env })
    await git.run(['update-index', '-z', '--index-info'], { env, input: indexInfo(set, 'now') })
    return (await git.run(['write-tree'], { env })).trim()
  }

  /** The file with what somebody else changed in it alone; null when that cannot be told apart. */
  async function apart({ path, before, now }: Users): Promise<TreeChange['now']> {
    const start = startOf(path)
    if (!isFile(before) || !isFile(now) || !isFile(start)) return null
    const versions = [before.sha, start.sha, now.sha] as const
    const key = versions.join()
    if (!merged.has(key)) merged.set(key, merged.size < MOST_MERGED ? await mergedFile(git, repository.gitDir, run, versions) : null)
    const sha = merged.get(key) ?? null
    return sha === null ? null : { mode: now.mode === start.mode ? before.mode : now.mode, sha }
  }
}

const isFile = (side: TreeChange['now'] | undefined): side is { mode: string; sha: string } => side?.mode.startsWith('100') === true

/**
 * Returns how a file of the user was before the agent began; undefined where another version of it was staged, since a commit may have
 * either.
 */
async function startsOf({ git, base, startTree, staged }: Beside): Promise<(path: string) => TreeChange['now'] | undefined> {
  const starts = new Map((await treeChanges(git, await treeOf(git, base), startTree)).map(({ path, now }) => [path, now]))
  for (const { path, now } of staged) if (now?.sha !== starts.get(path)?.sha) starts.delete(path)
  return path => starts.get(path)
}

const isSame = (some: string[], others: string[]) => some.join() === others.join()

/** Whether its author meant it to change nothing. */
async function wasEmpty(git: Git, { tree, parents }: Made): Promise<boolean> {
  return parents.length < 2 && tree === (await treeOf(git, parents[0] ?? null))
}

async function textOfCommit(git: Git, sha: string): Promise<string> {
  return (await git.names(['cat-file', 'commit', sha]))[0] ?? ''
}

/** Author and message alone. */
function said(text: string): string {
  return text.replace(/^(?:tree|parent|committer) .*\n/gm, '').replace(SIGNATURE, '')
}

const SIGNATURE = /^gpgsig(?:-sha256)? .*\n(?: .*\n)*/gm

/** A commit with another tree and parents, and all else as it was; a signature would no longer be true. */
async function commitLike(git: Git, sha: string, tree: string, parents: string[]): Promise<string> {
  const text = await textOfCommit(git, sha)
  const end = text.indexOf('\n\n')
  const headers = `${text.slice(0, end)}\n`
    .replace(SIGNATURE, '')
    .split('\n')
    .filter(line => line !== '' && !/^(?:tree|parent) /.test(line))
  const input = [`tree ${tree}`, ...parents.map(parent => `parent ${parent}`), ...headers].join('\n') + text.slice(end)
  return (await git.run(['hash-object', '-t', 'commit', '-w', '--stdin'], { input })).trim()
}
