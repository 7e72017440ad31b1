import type { Git } from '../../git/git.ts'
import { isNoRef } from '../../git/refs/ref-picture.ts'
import { treeChanges } from '../../git/trees/trees.ts'
import type { Place } from '../place.ts'

/** A commit under `refs/agent-runner/{run}/` that holds work which is on no branch. */
export interface Rescued {
  ref: string
  sha: string
  /** For a tag, the tree of its commit; empty where it has none. */
  tree: string
}

/** A run's id as part of file and ref names. */
export function safeRun(runId: string): string {
  return runId.replace(/[^A-Za-z0-9_-]/g, '-')
}

/** What is kept for a run, oldest first; the user's state before it (`start`) comes last. */
export async function listRescued(git: Git, runId: string): Promise<Rescued[]> {
  const format = '%(refname) %(objectname) %(tree)%(*tree)'
  const output = await git.run(['for-each-ref', `--format=${format}`, `refs/agent-runner/${safeRun(runId)}/`])
  const found = output.split('\n').filter(Boolean)
  return found
    .map(line => line.split(' ') as [string, string, string])
    .map(([ref, sha, tree]) => ({ ref, sha, tree }))
    .sort((a, b) => numberOf(a.ref) - numberOf(b.ref))
}

/** How many refs this process has made; see `listedBeside`. */
let count = 0

/**
 * Does some work, and returns what is kept for the run when it is done. Where something may be kept already, git is asked during the
 * work, and again only when the work has kept something. The work must not remove refs.
 */
export async function listedBeside<T>(
  { git, repository, request: { runId } }: Place,
  work: () => Promise<T>,
): Promise<{ done: T; rescued: Rescued[] }> {
  const before = count
  const asked = isNoRef(repository, `refs/agent-runner/${safeRun(runId)}`).then(none => (none ? [] : listRescued(git, runId)))
  // When the work fails too, its failure is the one to report.
  asked.catch(() => {})
  const done = await work()
  return { done, rescued: count === before ? await asked : await listRescued(git, runId) }
}

/**
 * Keeps a tree as a commit under the run's refs and returns its ref. A tree whose files are all kept for this run
 * already gets no second ref, so repeating an interrupted rescue is harmless.
 */
export async function rescueTree(git: Git, runId: string, tree: string, parent: string | null, why: string, env: Record<string, string>) {
  for (const kept of await listRescued(git, runId)) {
    if (isStart(kept.ref) || kept.tree === '') continue
    if ((await treeChanges(git, kept.tree, tree)).every(change => change.now === null)) return kept.ref
  }
  return await keepCommit(git, runId, await commitTree(git, tree, parent, why, env))
}

/** Gives a commit the run's next free ref, or the one that it has. */
export async function keepCommit(git: Git, runId: string, sha: string): Promise<string> {
  return (await keepAll(git, runId, [sha])).get(sha)!
}

/** The same for many commits and tag objects, by a fixed number of git commands. */
async function keepAll(git: Git, runId: string, shas: string[]): Promise<Map<string, string>> {
  const kept = (await listRescued(git, runId)).filter(one => !isStart(one.ref))
  const refs = new Map(kept.map(({ sha, ref }) => [sha, ref]))
  const missing = [...new Set(shas)].filter(sha => !refs.has(sha))
  const last = kept.at(-1)
  const next = last ? numberOf(last.ref) + 1 : 1
  for (let first = next; missing.length > 0; first++) {
    const made = missing.map((sha, at) => [sha, `refs/agent-runner/${safeRun(runId)}/${first + at}`] as const)
    count += made.length
    try {
      const input = made.map(([sha, ref]) => `create ${ref} ${sha}\n`).join('')
      await git.run(['update-ref', '-m', 'agent-runner: rescue', '--stdin'], { input })
      return new Map([...refs, ...made])
    } catch (failure) {
      // The lock of a killed git may block a number.
      if (first >= next + 3) throw failure
    }
  }
  return refs
}

/** The ref for the user's uncommitted changes as they stood before the agent began. */
export function startRef(runId: string): string {
  return `refs/agent-runner/${safeRun(runId)}/start`
}

/** A commit of a tree, on no branch. */
export async function commitTree(git: Git, tree: string, parent: string | null, message: string, env: Record<string, string>) {
  const args = ['commit-tree', tree, ...(parent ? ['-p', parent] : [])]
  return (await git.run(args, { input: `${message}\n`, env })).trim()
}

const PUBLIC = ['refs/heads', 'refs/remotes', 'refs/tags']

/** Whether a commit is held by a branch, a tag or a ref of ours, so that it outlives the checkout's HEAD. */
export async function isHeld(git: Git, sha: string, among = [...PUBLIC, 'refs/agent-runner']): Promise<boolean> {
  return (await git.run(['for-each-ref', '--count=1', `--contains=${sha}`, ...among])).trim() !== ''
}

/** The ref that keeps a commit which nothing else holds, made now if need be; null when something else does. */
export async function keepLoose(git: Git, runId: string, sha: string): Promise<string | null> {
  const own = (await listRescued(git, runId)).find(one => one.sha === sha && !isStart(one.ref))
  if (own) return (await isHeld(git, sha, PUBLIC)) ? null : own.ref
  return (await isHeld(git, sha)) ? null : await keepCommit(git, runId, sha)
}

/**
 * The refs of ours that hold what refs pointed to (commits and tag objects), made now if need be. What a branch or a tag holds, and what is no commit,
 * gets none. However many there are, git is asked a fixed number of times.
 */
export async function keepUnlessPublic(git: Git, runId: string, shas: string[]): Promise<Map<string, string>> {
  if (shas.length === 0) return new Map()
  const input = shas.map(sha => `${sha}\n${sha}^{commit}\n`).join('')
  const lines = (await git.run(['cat-file', '--batch-check=%(objecttype) %(objectname)'], { input, slow: true })).split('\n')
  const commits = shas.map((_, at) => /^commit ([0-9a-f]+)$/.exec(lines[2 * at + 1]!)?.[1] ?? null)
  const loose = new Set(
    await notPublic(
      git,
      commits.filter(sha => sha !== null),
    ),
  )
  const tags = shas.filter((_, at) => lines[2 * at]!.startsWith('tag '))
  const format = ['--format=%(objectname)', 'refs/tags']
  const held = new Set(tags.length > 0 ? (await git.run(['for-each-ref', ...format])).split('\n') : [])
  const isTag = new Set(tags)
  const lost = shas.filter((sha, at) => (isTag.has(sha) ? !held.has(sha) : loose.has(commits[at]!)))
  const refs = await keepAll(git, runId, lost)
  return new Map(lost.map(sha => [sha, refs.get(sha)!]))
}

/** The commits that no branch, remote or tag holds, and those before them. */
async function notPublic(git: Git, commits: string[]): Promise<string[]> {
  const input = commits.map(sha => `${sha}\n`).join('')
  if (input === '') return []
  return (await git.run(['rev-list', '--stdin', '--not', '--branches', '--remotes', '--tags'], { input, slow: true })).split('\n')
}

function isStart(ref: string): boolean {
  return ref.endsWith('/start')
}

function numberOf(ref: string): number {
  const last = Number(ref.slice(ref.lastIndexOf('/') + 1))
  return Number.isInteger(last) ? last : Number.MAX_SAFE_INTEGER
}
