import { existsSync, realpathSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import type { WorkspaceRecord } from '../../core/run.ts'
import { readStatus, type Status } from '../../git/checkout/status.ts'
import { type Git, openGit } from '../../git/git.ts'
import { findRepository, gitFolderOf, type Repository, unfinishedOperation } from '../../git/repository.ts'
import { steeringOf } from '../picture/put-back.ts'
import { replacedIn } from '../seal.ts'
import { usersPaths } from '../users-paths.ts'
import { listRescued } from './rescue.ts'

/** Longest time for one git command that only looks, in milliseconds. */
const LOOK_MS = 30_000

/** The state of a workspace, for people. */
export interface CheckoutView {
  path: string
  /** `none`: the folder is gone · `folder`: it is there and no git checkout · `unreadable`: git refuses it, see `problem`. */
  state: 'none' | 'folder' | 'checkout' | 'unreadable'
  branch: string | null
  head: string | null
  /** Changed and untracked paths that are in no commit; the user's own are left out. */
  uncommitted: string[]
  /** Commits since the work began; null when that is not known. */
  commits: number | null
  operation: string | null
  /** Refs under `refs/agent-runner/` that hold work of the run. */
  rescued: string[]
  problem: string | null
}

/** Looks at a run's workspace and changes nothing. Never throws: `problem` says what went wrong. */
export async function lookAtCheckout(
  path: string,
  run: { runId: string; base: string | null; dirtyAtStart: string[]; workspace: WorkspaceRecord | null },
): Promise<CheckoutView> {
  const nothing = { branch: null, head: null, uncommitted: [], commits: null, operation: null, rescued: [], problem: null }
  if (!existsSync(path)) return { path, state: 'none', ...nothing }
  const replaced = run.workspace && replacedIn(run.workspace, run.runId)
  if (replaced) return { path, state: 'unreadable', ...nothing, problem: replaced.says }
  const steering = run.workspace ? await steeringOf(run.workspace, run.runId).catch(() => []) : []
  if (steering.length > 0) {
    const problem = `settings that steer git were changed there while the agent worked (${steering.join(', ').slice(0, 300)}); they are put back when it ends`
    return { path, state: 'unreadable', ...nothing, problem }
  }
  try {
    const found = await openCheckout(path, LOOK_MS)
    if (!found) return { path, state: 'folder', ...nothing }
    const { git, repository, status } = found
    const isUsers = usersPaths(run.dirtyAtStart)
    return {
      path,
      state: 'checkout',
      branch: status.branch,
      head: status.head,
      uncommitted: status.entries.map(entry => entry.path).filter(entry => !isUsers(entry)),
      commits: await commitsSince(git, run.base, status.head),
      operation: unfinishedOperation(repository.gitDir),
      rescued: (await listRescued(git, run.runId)).map(one => one.ref),
      problem: null,
    }
  } catch (failure) {
    return { path, state: 'unreadable', ...nothing, problem: (failure as Error).message }
  }
}

/** A checkout of its own at this path; null for a plain folder, also for one inside somebody else's checkout. Throws GIT_FAILED. */
export async function openCheckout(path: string, timeoutMs: number): Promise<{ git: Git; repository: Repository; status: Status } | null> {
  const folder = realpathSync.native(path)
  if (!statSync(folder).isDirectory() || gitFolderOf(folder) === null) return null
  const git = openGit(folder, { timeoutMs, env: { GIT_CEILING_DIRECTORIES: dirname(folder) } })
  const repository = await findRepository(git)
  return repository && { git, repository, status: await readStatus(git) }
}

async function commitsSince(git: Git, base: string | null, head: string | null): Promise<number | null> {
  if (base === null || head === null) return null
  const count = await git.ask(['rev-list', '--count', head, `^${base}`, '--'])
  return count === null ? null : Number(count)
}
