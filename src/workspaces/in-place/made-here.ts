import type { Git } from '../../git/git.ts'
import { isAncestor, treeIfAny, treeOf } from '../../git/refs/commits.ts'
import { type TreeChange, treeChanges, treesChanges } from '../../git/trees/trees.ts'

/** Where commits may be that hold the user's uncommitted changes. */
export interface Beside {
  git: Git
  /** The commit that the work began on; null for none. */
  base: string | null
  /** What branches, tags and `git stash` held before. */
  known: string[]
  isUsers: (path: string) => boolean
  /** At or below these are all paths of the user; none: anywhere. */
  places: string[]
  /** The tree of the checkout before the agent began. */
  startTree: string
  /** The user's staged paths at that time. */
  staged: TreeChange[]
}

/** A difference between a commit and the base that the commit must not have. */
export interface Users extends TreeChange {
  /** Somebody else changed it too: it is not just what was uncommitted. */
  mixed: boolean
  /** Something that is not the user's has replaced the former content, so it cannot be taken out. */
  stays: boolean
}

export interface Made {
  sha: string
  tree: string
  parents: string[]
}

/** More commits of the checkout's past are not looked at. */
const MOST = 500

/** Where the checkout's HEAD is, and has been lately by its own log: commits that were made in it are among these and those before them. */
export async function stoodAt(git: Git): Promise<string[]> {
  const log = await git.ask(['rev-list', '-g', `--max-count=${MOST}`, 'HEAD', '--'])
  const head = await git.ask(['rev-parse', '-q', '--verify', 'HEAD^{commit}'])
  return [...new Set([...(head ?? '').split('\n'), ...(log ?? '').split('\n')].filter(Boolean))]
}

/** The commits up to `tips` that were not there before, oldest first; `more` of them, the oldest, are left out. */
export async function madeSince({ git, base, known }: Beside, tips: string[], more: string[] = []): Promise<Made[]> {
  if (tips.length === 0) return []
  const not = [...(base ? [base] : []), ...known].map(sha => `^${sha}\n`)
  const args = ['rev-list', '--topo-order', '--reverse', '--ignore-missing', '--format=%H %T %P', '--stdin', ...more]
  return made(await git.run(args, { input: [...tips.map(sha => `${sha}\n`), ...not].join('') }))
}

/** The commits up to `base` that `tips` no longer have: amended, rebased or reset away. */
export async function replacedBy({ git, base }: Beside, tips: string[], most: number): Promise<Made[]> {
  if (base === null || tips.length === 0) return []
  return made(await git.run(['rev-list', `--max-count=${most}`, '--format=%H %T %P', base, ...tips.map(sha => `^${sha}`), '--']))
}

function made(lines: string): Made[] {
  return lines.split('\n').flatMap(line => {
    const [sha = '', tree = '', ...parents] = line.split(' ')
    return sha === '' || sha === 'commit' ? [] : [{ sha, tree, parents: parents.filter(Boolean) }]
  })
}

/**
 * For each commit, the user's paths that differ from `base` and must not: content that was uncommitted before, and what was made of it.
 * Content from commits of others (a merged branch, earlier commits that were rebased) belongs to them.
 */
export async function usersIn(beside: Beside, commits: Made[]): Promise<Map<string, Users[]>> {
  const { git, base, isUsers, places } = beside
  const found = new Map<string, Users[]>()
  if (commits.length === 0) return found
  const from = await treeOf(git, base)
  // Of a long history that was pulled, look only at what concerns the user.
  const changes = await treesChanges(git, from, [...new Set(commits.map(({ tree }) => tree))], places)
  const users = (tree: string) => (changes.get(tree) ?? []).filter(({ path }) => isUsers(path))
  if (commits.every(({ tree }) => users(tree).length === 0)) return found
  const uncommitted = contents([...(await treeChanges(git, from, beside.startTree)), ...beside.staged], isUsers)
  const isUncommitted = (change: TreeChange) => uncommitted.has(contentOf(change))
  // A commit on a remote came from there, unless it contains exactly what was uncommitted.
  const shas = commits.map(({ sha }) => sha)
  const own = new Set((await madeSince(beside, shas, ['--not', '--remotes'])).map(({ sha }) => sha))
  const isOwn = ({ sha, tree }: Made) => own.has(sha) || users(tree).some(change => change.now && isUncommitted(change))
  const { others, past } = await committed(beside, from, commits, isOwn)
  // A separate history (`checkout --orphan`, the third parent of `git stash -u`) has deleted nothing, since it never had the files.
  const orphans = new Set<string>()
  const outs: { sha: string; tree: string; out: TreeChange[] }[] = []
  for (const one of commits) {
    const { sha, tree, parents } = one
    if (base !== null && parents.every(parent => orphans.has(parent))) orphans.add(sha)
    if (!isOwn(one)) continue
    const out = users(tree).filter(change => {
      if (others.has(contentOf(change)) || (change.now === null && orphans.has(sha))) return false
      return isUncommitted(change) || !past.has(contentOf(change))
    })
    if (out.length > 0) outs.push({ sha, tree, out })
  }
  const all = outs.length > 0 ? await treesChanges(git, from, [...new Set(outs.map(({ tree }) => tree))]) : new Map<string, TreeChange[]>()
  for (const { sha, tree, out } of outs) {
    const taken = new Set(out.map(({ path }) => path))
    const isBlocked = blockedBy((all.get(tree) ?? []).filter(({ path, now }) => now && !taken.has(path)))
    found.set(
      sha,
      out.map(change => ({ ...change, mixed: change.now !== null && !isUncommitted(change), stays: isBlocked(change) })),
    )
  }
  return found
}

/**
 * Returns whether a file cannot be restored beside those that stay: a folder has its place, or a file has the place of one of its
 * folders.
 */
function blockedBy(stay: TreeChange[]): (change: TreeChange) => boolean {
  const files = new Set(stay.map(({ path }) => path))
  const folders = new Set(stay.flatMap(({ path }) => foldersOf(path)))
  return ({ path, before }) => before !== null && (folders.has(path) || foldersOf(path).some(folder => files.has(folder)))
}

const foldersOf = (path: string) => [...path.matchAll(/\//g)].map(({ index }) => path.slice(0, index))

const contentOf = ({ path, now }: TreeChange) => `${now?.mode} ${now?.sha} ${path}`

function contents(changes: TreeChange[], isUsers: (path: string) => boolean): Set<string> {
  return new Set(changes.filter(({ path }) => isUsers(path)).map(contentOf))
}

/** What the user's paths are in commits of somebody else: beside the base (`others`), and before it (`past`). */
async function committed(
  beside: Beside,
  from: string,
  commits: Made[],
  isOwn: (commit: Made) => boolean,
): Promise<{ others: Set<string>; past: Set<string> }> {
  const { git, base, isUsers, places } = beside
  const made = new Set(commits.map(({ sha }) => sha))
  const outside = [...new Set(commits.flatMap(({ parents }) => parents))].filter(sha => sha !== base && !made.has(sha))
  const head = await git.ask(['rev-parse', '-q', '--verify', 'HEAD^{commit}'])
  const before = (await replacedBy(beside, head ? [head.trim()] : [], MOST)).map(({ tree }) => tree)
  const beyond = commits.filter(one => !isOwn(one)).map(({ tree }) => tree)
  for (const sha of outside) {
    const tree = await treeIfAny(git, sha)
    if (tree === null) continue
    const isBefore = base !== null && (await isAncestor(git, sha, base))
    ;(isBefore ? before : beyond).push(tree)
  }
  const changes = await treesChanges(git, from, [...new Set([...before, ...beyond])], places)
  const of = (trees: string[]) =>
    contents(
      trees.flatMap(tree => changes.get(tree) ?? []),
      isUsers,
    )
  return { others: of(beyond), past: of(before) }
}
