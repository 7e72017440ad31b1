import type { Git } from './git.ts'
import { type Beside, type Made, replacedBy, treeOf } from './made-here.ts'
import type { Place } from './place.ts'
import { safeRun } from './rescue.ts'
import { dropPrivateIndex, privateIndex } from './snapshot.ts'
import { emptyTree, indexInfo, type TreeChange } from './trees.ts'

/** Amended, rebased and reset commits of before that are looked for, at the most. */
const MOST_REPLACED = 50

/**
 * Writes commits anew, oldest first, each without what `out` names of it. Answers what each has become: itself where nothing had to change, the
 * commit before it where it held nothing else (null for none), an old commit where it is what that one was.
 */
export async function rewrite(
  beside: Beside,
  { repository, request }: Place,
  commits: Made[],
  out: Map<string, TreeChange[]>,
): Promise<Map<string, string | null>> {
  const { git } = beside
  const run = safeRun(request.runId)
  const env = { GIT_INDEX_FILE: privateIndex(repository.gitDir, run) }
  const made = new Set(commits.map(({ sha }) => sha))
  const ends = [...made].filter(sha => !commits.some(({ parents }) => parents.includes(sha)))
  const old = await replacedBy(beside, ends, MOST_REPLACED)
  const became = new Map<string, string | null>()
  try {
    for (const one of commits) became.set(one.sha, await again(one))
    return became
  } finally {
    dropPrivateIndex(repository.gitDir, run)
  }

  async function again(one: Made): Promise<string | null> {
    const parents = [...new Set(one.parents.map(sha => (became.has(sha) ? became.get(sha)! : sha)))].filter(sha => sha !== null)
    const changes = out.get(one.sha) ?? []
    if (changes.length === 0 && isSame(parents, one.parents)) return one.sha
    const tree = changes.length === 0 ? one.tree : await without(one.tree, changes)
    if (parents.length < 2 && tree === (await treeOf(git, parents[0] ?? null)) && !(await wasEmpty(git, one))) return parents[0] ?? null
    for (const { sha, tree: was, parents: from } of old)
      if (was === tree && isSame(from, parents) && said(await textOfCommit(git, sha)) === said(await textOfCommit(git, one.sha))) return sha
    return await commitLike(git, one.sha, tree, parents)
  }

  async function without(tree: string, changes: TreeChange[]): Promise<string> {
    await git.run(['read-tree', tree], { env })
    await git.run(['update-index', '-z', '--index-info'], { env, input: indexInfo(changes, 'before') })
    return (await git.run(['write-tree'], { env })).trim()
  }
}

const isSame = (some: string[], others: string[]) => some.join() === others.join()

/** Whether its author meant it to change nothing. */
async function wasEmpty(git: Git, { tree, parents }: Made): Promise<boolean> {
  return parents.length < 2 && tree === (parents[0] === undefined ? await emptyTree(git) : await treeOf(git, parents[0]))
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
