import type { Git } from './git.ts'
import type { Place } from './place.ts'
import { isNoRef } from './ref-picture.ts'
import { treeChanges } from './trees.ts'

/** A commit under `refs/agent-runner/{run}/` that holds work which is on no branch. */
export interface Rescued {
  ref: string
  sha: string
  tree: string
}

/** A run's id as part of file and ref names. */
export function safeRun(runId: string): string {
  return runId.replace(/[^A-Za-z0-9_-]/g, '-')
}

/** What is kept for a run, oldest first; the user's state before it (`start`) comes last. */
export async function listRescued(git: Git, runId: string): Promise<Rescued[]> {
  const format = '%(refname) %(objectname) %(tree)'
  const output = await git.run(['for-each-ref', `--format=${format}`, `refs/agent-runner/${safeRun(runId)}/`])
  const found = output.split('\n').filter(Boolean)
  return found
    .map(line => line.split(' ') as [string, string, string])
    .map(([ref, sha, tree]) => ({ ref, sha, tree }))
    .sort((a, b) => numberOf(a.ref) - numberOf(b.ref))
}

/** How many refs this process has made; see `listedBeside`. */
let made = 0

/**
 * Does some work, and answers what is kept for the run when it is done. git is asked beside the work where something may be kept already, and
 * again only when the work has kept something. The work may take no ref away.
 */
export async function listedBeside<T>(
  { git, repository, request: { runId } }: Place,
  work: () => Promise<T>,
): Promise<{ done: T; rescued: Rescued[] }> {
  const before = made
  const asked = isNoRef(repository, `refs/agent-runner/${safeRun(runId)}`).then(none => (none ? [] : listRescued(git, runId)))
  // When the work fails too, its failure is the one that is told.
  asked.catch(() => {})
  const done = await work()
  return { done, rescued: made === before ? await asked : await listRescued(git, runId) }
}

/**
 * Keeps a tree as a commit under the run's refs and returns its ref. A tree whose files are all kept for this run
 * already gets no second ref, so repeating an interrupted rescue is harmless.
 */
export async function rescueTree(git: Git, runId: string, tree: string, parent: string | null, why: string, env: Record<string, string>) {
  for (const kept of await listRescued(git, runId)) {
    if (isStart(kept.ref)) continue
    if ((await treeChanges(git, kept.tree, tree)).every(change => change.now === null)) return kept.ref
  }
  return await keepCommit(git, runId, await commitTree(git, tree, parent, why, env))
}

/** Gives a commit the run's next free ref, or the one that it has. */
export async function keepCommit(git: Git, runId: string, sha: string): Promise<string> {
  const kept = await listRescued(git, runId)
  const same = kept.find(one => one.sha === sha && !isStart(one.ref))
  if (same) return same.ref
  const last = kept.filter(one => !isStart(one.ref)).at(-1)
  const next = last ? numberOf(last.ref) + 1 : 1
  for (let number = next; ; number++) {
    const ref = `refs/agent-runner/${safeRun(runId)}/${number}`
    made++
    try {
      // The zeros say: only if it is not there yet.
      await git.run(['update-ref', '-m', 'agent-runner: rescue', ref, sha, '0'.repeat(sha.length)])
      return ref
    } catch (failure) {
      // A number may be blocked by the lock of a git that was killed.
      if (number >= next + 3) throw failure
    }
  }
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

/** The ref of ours that holds a commit which no branch and no tag holds, made now if need be; null when one of those does. */
export async function keepUnlessPublic(git: Git, runId: string, sha: string): Promise<string | null> {
  return (await isHeld(git, sha, PUBLIC)) ? null : await keepCommit(git, runId, sha)
}

function isStart(ref: string): boolean {
  return ref.endsWith('/start')
}

function numberOf(ref: string): number {
  const last = Number(ref.slice(ref.lastIndexOf('/') + 1))
  return Number.isInteger(last) ? last : Number.MAX_SAFE_INTEGER
}
