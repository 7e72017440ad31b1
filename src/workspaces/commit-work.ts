import { linkSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import type { Task } from '../core/task.ts'
import { branchTip } from './base-commit.ts'
import type { Git } from './git.ts'
import { identityEnv } from './identity.ts'
import type { WorkspaceOptions } from './options.ts'
import { unfinishedOperation } from './repository.ts'
import { rescueTree, safeRun } from './rescue.ts'
import { isNoRoom } from './room.ts'
import { dropPrivateIndex, takeSnapshot } from './snapshot.ts'
import { conflictsOf, type Status } from './status.ts'
import { emptyTree, indexChanges, indexInfo, type TreeChange, treeChanges } from './trees.ts'
import { somePaths, usersPaths } from './users-paths.ts'

/** What is to be committed where. */
export interface CommitPlace {
  git: Git
  gitDir: string
  /** The checkout as it stands; no lock is in it. */
  status: Status
  /** The user's own changed paths: never committed. */
  dirtyAtStart: string[]
}

/**
 * Commits on the current HEAD all that is uncommitted, but for the user's own paths, and answers with remarks. The picture to be committed is made
 * in a private index, so what the user has staged stays staged and uncommitted. When it cannot be committed (a conflict, git
 * fails), it is kept under `refs/agent-runner/` instead. Throws on a full disk: it can be committed later. Repeating it after an interruption ends in the same state.
 */
export async function commitWork(place: CommitPlace, runId: string, task: Task, options: WorkspaceOptions): Promise<string[]> {
  const { git, gitDir, status } = place
  const run = safeRun(runId)
  const remarks: string[] = []
  if (status.entries.length === 0) {
    // A commit that was cut off at its very end has left its index.
    dropPrivateIndex(gitDir, run)
    return remarks
  }
  const env = await identityEnv(git, options.author)
  const isUsers = usersPaths(place.dirtyAtStart)
  try {
    const snapshot = await takeSnapshot(git, gitDir, run)
    if (snapshot.incomplete) remarks.push(`Not everything could be read: ${snapshot.incomplete}.`)
    const conflicts = conflictsOf(status)
    if (conflicts.length > 0 || unfinishedOperation(gitDir) === 'rebase') {
      const ref = await rescueTree(git, runId, snapshot.tree, status.head, `Unfinished work of task ${task.id}`, env)
      const what = conflicts.length > 0 ? `conflicts in ${somePaths(conflicts)}` : 'an unfinished rebase'
      remarks.push(`The agent left ${what}; nothing was committed, the files as they are were kept in ${ref}.`)
      return remarks
    }
    const changes = await treeChanges(git, status.head ?? (await emptyTree(git)), snapshot.tree)
    const left = changes.filter(change => isUsers(change.path) || isNestedRepository(change, changes))
    const nested = left.filter(change => !isUsers(change.path)).map(change => change.path)
    if (nested.length > 0) remarks.push(`${somePaths(nested)} is a repository of its own and was not committed.`)
    if (changes.length > left.length || unfinishedOperation(gitDir) === 'merge') {
      if (left.length > 0) await git.run(['update-index', '-z', '--index-info'], { env: snapshot.index, input: indexInfo(left, 'before') })
      remarks.push(...(await commit(git, status.head, { ...env, ...snapshot.index }, messageOf(options.commitMessage, task))))
      // With nothing left out, the private index is what the checkout's own one has to become.
      if (left.length === 0 && replaceIndex(gitDir, snapshot.index.GIT_INDEX_FILE)) return remarks
    }
    await followHead(git, isUsers)
  } catch (failure) {
    if (isNoRoom(failure)) throw failure
    remarks.push(`What the agent left uncommitted could not be committed: ${(failure as Error).message}.`)
    const snapshot = await takeSnapshot(git, gitDir, run).catch(() => null)
    const kept = snapshot && (await rescueTree(git, runId, snapshot.tree, status.head, `Work of task ${task.id}`, env).catch(() => null))
    remarks.push(kept ? `It was kept in ${kept}.` : 'It was left where it is.')
  } finally {
    dropPrivateIndex(gitDir, run)
  }
  return remarks
}

/** A repository that the agent made or cloned inside; as a bare link its content would be in no commit. A real submodule comes with `.gitmodules`. */
function isNestedRepository(change: TreeChange, changes: TreeChange[]): boolean {
  return change.now?.mode === '160000' && change.before === null && !changes.some(other => other.path === '.gitmodules')
}

async function commit(git: Git, head: string | null, env: Record<string, string>, message: string): Promise<string[]> {
  const args = ['commit', '--quiet', '--file=-']
  try {
    await git.run(args, { env, input: message, slow: true })
    return []
  } catch (failure) {
    if ((await branchTip(git, 'HEAD')) !== head) return [`A hook failed after the commit: ${(failure as Error).message}`]
    // A hook that refuses must not cost the work. Without its folder no hook runs (--no-verify leaves some).
    await git.run([...args, '--no-verify'], { env, input: message, slow: true, config: ['core.hooksPath=/dev/null'] })
    return [`The repository's hooks refused the commit, so it was made without them: ${(failure as Error).message}`]
  }
}

/** Puts a finished index in the place of the checkout's own, by git's own protocol: who has the lock may. False when it is taken. */
function replaceIndex(gitDir: string, index: string): boolean {
  const lock = join(gitDir, 'index.lock')
  try {
    linkSync(index, lock)
  } catch {
    return false
  }
  renameSync(lock, join(gitDir, 'index'))
  return true
}

/** Sets the checkout's real index to HEAD for all paths but the user's: the commit was made beside it. */
async function followHead(git: Git, isUsers: (path: string) => boolean): Promise<void> {
  if ((await branchTip(git, 'HEAD')) === null) return
  const behind = (await indexChanges(git, 'HEAD')).filter(change => !isUsers(change.path))
  if (behind.length > 0) await git.run(['update-index', '-z', '--index-info'], { input: indexInfo(behind, 'before') })
  await git.ask(['update-index', '-q', '--refresh'], { slow: true })
}

/** The commit message of a template. The title is data: control characters and line breaks become blanks. */
function messageOf(template: string, task: Pick<Task, 'id' | 'title'>): string {
  const plain = (text: string) => text.replace(/\p{Cc}+/gu, ' ').trim()
  const message = template.replace(/\{(id|title)\}/g, (_, name: 'id' | 'title') => plain(task[name])).trim()
  return `${message || `Task ${plain(task.id)}`}\n`
}
