import { branchTip } from './base-commit.ts'
import type { Git } from './git.ts'
import { keepCommit } from './rescue.ts'
import { privateIndex } from './snapshot.ts'
import { emptyTree, indexChanges, indexInfo, rawAndLines, type TreeChange, treeChanges } from './trees.ts'
import { somePaths } from './users-paths.ts'

/** More commits are not written anew. */
const MOST = 200

/** Commits in which paths of the user may be. */
export interface Commits {
  git: Git
  gitDir: string
  runId: string
  /** The commit that they stand on; null for none. */
  base: string | null
  isUsers: (path: string) => boolean
  /** What of the user's paths was staged before the agent began. */
  staged: TreeChange[]
}

/**
 * Takes the user's uncommitted changes out of the commits that were made beside them: an agent that says `git add -A`, or a hook that does,
 * commits them too. The commits are written anew without them, those that held nothing else go, and what was staged is staged again; no file is
 * touched. How they were is kept under `refs/agent-runner/`. Where somebody else has the commits already, it only says so. Answers with remarks.
 */
export async function splitOutUsers(commits: Commits): Promise<string[]> {
  const { git, base, runId } = commits
  const head = await branchTip(git, 'HEAD')
  if (head === null || head === base) return []
  const list = (await git.run(['rev-list', '--topo-order', '--reverse', '--parents', head, ...(base ? [`^${base}`] : []), '--'])).trim()
  const made = list.split('\n').filter(Boolean).map(parseCommit)
  const touched = await touchedBy(commits, made)
  if (touched.size === 0) return []
  const paths = [...new Set([...touched.values()].flat())]
  const obstacle = await whyNot(commits, head, made, [...touched.keys()][0]!)
  if (obstacle)
    return [`Commits made during the run hold uncommitted changes of yours (${somePaths(paths)}), and stay as they are: ${obstacle}.`]
  const ref = await keepCommit(git, runId, head)
  const tip = await rewrite(commits, made, new Set(touched.keys()))
  // Before the commits are there: a repeat after a kill finds them, and does all of it again.
  await stageAgain(commits, paths, tip)
  const what = `agent-runner: without ${paths.length} paths of the user`
  if (tip === null) await git.run(['update-ref', '-d', '-m', what, 'HEAD', head])
  else await git.run(['update-ref', '-m', what, 'HEAD', tip, head])
  return [
    `Commits made during the run held uncommitted changes of yours (${somePaths(paths)}); they were made again without them, and how they were is kept in ${ref}.`,
  ]
}

interface Made {
  sha: string
  parents: string[]
}

function parseCommit(line: string): Made {
  const [sha = '', ...parents] = line.split(' ')
  return { sha, parents }
}

/** The user's paths that each commit changes. */
async function touchedBy({ git, isUsers }: Commits, made: Made[]): Promise<Map<string, string[]>> {
  const touched = new Map<string, string[]>()
  const input = made.map(({ sha }) => `${sha}\n`).join('')
  const pieces = await git.names(['diff-tree', '--stdin', '-m', '--root', '-r', '-z', '--raw', '--no-renames'], { input, slow: true })
  let sha = ''
  for (let at = 0; at < pieces.length; at++) {
    if (!pieces[at]!.startsWith(':')) {
      sha = pieces[at]!.trim()
      continue
    }
    const { changes } = rawAndLines(pieces.slice(at, at + 2))
    at++
    for (const { path } of changes) if (isUsers(path)) touched.set(sha, [...(touched.get(sha) ?? []), path])
  }
  return touched
}

/** Why commits cannot be written anew, or null. */
async function whyNot({ git, base }: Commits, head: string, made: Made[], first: string): Promise<string | null> {
  if (made.length > MOST) return `they are more than ${MOST}`
  if (made.some(({ parents }) => parents.length > 1)) return 'there is a merge among them'
  const [start] = made
  if ((start?.parents[0] ?? null) !== base) return 'they do not stand on the commit that the work began on'
  const branch = (await git.ask(['symbolic-ref', '-q', 'HEAD']))?.trim() ?? null
  const holders = (await git.run(['for-each-ref', '--format=%(refname)', `--contains=${first}`, 'refs/heads', 'refs/remotes', 'refs/tags']))
    .split('\n')
    .filter(ref => ref !== '' && ref !== branch)
  if (holders.length > 0) return `${somePaths(holders)} has them too`
  return (await branchTip(git, 'HEAD')) === head ? null : 'somebody commits'
}

/** Writes the commits anew, oldest first, from the first that has a path of the user; answers with the new end, null when none is left. */
async function rewrite(commits: Commits, made: Made[], touched: Set<string>): Promise<string | null> {
  const { git, gitDir, runId, base, isUsers } = commits
  const env = { GIT_INDEX_FILE: privateIndex(gitDir, runId) }
  const baseTree = base ?? (await emptyTree(git))
  let tip = base
  let same = true
  for (const { sha } of made) {
    same &&= !touched.has(sha)
    if (same) {
      tip = sha
      continue
    }
    await git.run(['read-tree', sha], { env })
    const users = (await treeChanges(git, baseTree, sha)).filter(change => isUsers(change.path))
    if (users.length > 0) await git.run(['update-index', '-z', '--index-info'], { env, input: indexInfo(users, 'before') })
    const tree = (await git.run(['write-tree'], { env })).trim()
    const before = tip === null ? await emptyTree(git) : (await git.run(['rev-parse', `${tip}^{tree}`])).trim()
    // It held nothing but what is the user's.
    if (tree === before) continue
    tip = await commitLike(git, sha, tree, tip)
  }
  return tip
}

/** A commit with another tree and parent, and all else as it was; a signature would no longer be true. */
async function commitLike(git: Git, sha: string, tree: string, parent: string | null): Promise<string> {
  const [text = ''] = await git.names(['cat-file', 'commit', sha])
  const end = text.indexOf('\n\n')
  const headers = text
    .slice(0, end)
    .replace(/^gpgsig(?:-sha256)? .*(?:\n .*)*\n?/gm, '')
    .split('\n')
    .filter(line => line !== '' && !/^(?:tree|parent) /.test(line))
  const input = [`tree ${tree}`, ...(parent ? [`parent ${parent}`] : []), ...headers].join('\n') + text.slice(end)
  return (await git.run(['hash-object', '-t', 'commit', '-w', '--stdin'], { input })).trim()
}

/** Sets the user's paths in the checkout's index to what was staged of them, else to HEAD. */
async function stageAgain({ git, staged }: Commits, paths: string[], tip: string | null): Promise<void> {
  const out = (await indexChanges(git, tip ?? (await emptyTree(git)))).filter(({ path }) => paths.includes(path))
  if (out.length > 0) await git.run(['update-index', '-z', '--index-info'], { input: indexInfo(out, 'before') })
  const again = staged.filter(({ path }) => paths.includes(path))
  if (again.length > 0) await git.run(['update-index', '-z', '--index-info'], { input: indexInfo(again, 'now') })
}
