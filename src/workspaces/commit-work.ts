import { linkSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { RunnerError } from '../core/errors.ts'
import type { Task } from '../core/task.ts'
import { somePaths } from '../core/text/some-paths.ts'
import { readIndex } from '../git/checkout/index-flags.ts'
import { conflictsOf, type Status } from '../git/checkout/status.ts'
import { commitSettings } from '../git/commit-settings.ts'
import { isNoRoom } from '../git/full-disk.ts'
import type { Git } from '../git/git.ts'
import { branchTip } from '../git/refs/base-commit.ts'
import { headOfFiles } from '../git/refs/head.ts'
import { commonOf, hasHooks, unfinishedOperation } from '../git/repository.ts'
import { signingOf } from '../git/signing.ts'
import { dropPrivateIndex, stagePicture, takeSnapshot, treeOfIndex } from '../git/trees/snapshot.ts'
import { emptyTree, indexChanges, indexInfo, type TreeChange } from '../git/trees/trees.ts'
import { rescueTree, safeRun } from './kept/rescue.ts'
import { isUntouched, noiseAmong } from './noise.ts'
import type { WorkspaceOptions } from './options.ts'
import { submodulePaths, untrackedRepositories } from './submodules.ts'
import { usersPaths } from './users-paths.ts'

/** What is to be committed where. */
export interface CommitPlace {
  git: Git
  gitDir: string
  /** The checkout as it stands; no lock is in it. */
  status: Status
  /** The user's own changed paths: never committed. */
  dirtyAtStart: string[]
  /** Changes from before the agent began, by path and stamp; not committed while they are the same. */
  before: Record<string, string>
}

/** What came of a commit. */
export interface CommittedWork {
  remarks: string[]
  /** The checkout as it stands afterwards, where that is sure without another look. */
  left: Status | null
}

/**
 * Commits everything uncommitted on the current HEAD, except the user's own paths. The tree is made in a private
 * index, so what the user has staged stays staged and uncommitted. When it cannot be committed (a conflict, a failing git), it is kept
 * under `refs/agent-runner/` instead. Throws on a full disk: it can be committed later. Repeating it after an interruption ends in the
 * same state.
 */
export async function commitWork(place: CommitPlace, runId: string, task: Task, options: WorkspaceOptions): Promise<CommittedWork> {
  const { git, gitDir, status } = place
  const run = safeRun(runId)
  const remarks: string[] = []
  const done = (left: Status | null = null) => ({ remarks, left })
  if (status.entries.length === 0) {
    // A commit that was interrupted at its very end has left its index.
    dropPrivateIndex(gitDir, run)
    return done(status)
  }
  // Git answers while the files are taken; neither changes what the other reads.
  const asked = commitSettings(git, options.author)
  asked.catch(() => {})
  const isUsers = usersPaths(place.dirtyAtStart)
  try {
    const repositories = untrackedRepositories(status)
    const snapshot = await stagePicture(git, gitDir, run, { repositories })
    const { env, isSigned, namesHooks } = await asked
    if (snapshot.incomplete) remarks.push(`Not everything could be read: ${snapshot.incomplete}.`)
    const conflicts = conflictsOf(status)
    if (conflicts.length > 0 || unfinishedOperation(gitDir) === 'rebase') {
      const ref = await rescueTree(
        git,
        runId,
        await treeOfIndex(git, snapshot.index),
        status.head,
        `Unfinished work of task ${task.id}`,
        env,
      )
      const what = conflicts.length > 0 ? `conflicts in ${somePaths(conflicts)}` : 'an unfinished rebase'
      remarks.push(`The agent left ${what}; nothing was committed, the files as they are were kept in ${ref}.`)
      return done()
    }
    const base = status.head ?? (await emptyTree(git))
    const changes = await indexChanges(git, base, snapshot.index)
    const left = await notToCommit(place, changes)
    const nested = [...repositories, ...left.filter(change => isLink(change) && !isUsers(change.path)).map(change => change.path)]
    if (nested.length > 0) remarks.push(`${somePaths(nested)} is a repository of its own and was not committed.`)
    if (changes.length > left.length || unfinishedOperation(gitDir) === 'merge') {
      const leaveOut = async (paths: TreeChange[]) => {
        if (paths.length > 0)
          await git.run(['update-index', '-z', '--index-info'], { env: snapshot.index, input: indexInfo(paths, 'before') })
      }
      await leaveOut(left)
      const restage = async () => {
        const again = await stagePicture(git, gitDir, run, { repositories })
        await leaveOut(await notToCommit(place, await indexChanges(git, base, again.index)))
        return await treeOfIndex(git, again.index)
      }
      // Hooks may change the private index, so the tree is made before. Else the commit makes it.
      const guards = namesHooks || hooksAt(gitDir)
      const early = guards || isSigned ? await treeOfIndex(git, snapshot.index) : null
      const tree = async () => early ?? (await treeOfIndex(git, snapshot.index))
      const message = messageOf(options.commitMessage, task)
      const signing = isSigned ? await signingOf(git, await tree(), env) : { config: [], remark: null }
      if (signing.remark) remarks.push(signing.remark)
      const making = { message, tree, restage, sign: signing.config, isHeld: guards || isSigned }
      remarks.push(...(await commit(git, status.head, { ...env, ...snapshot.index }, making)))
      // With nothing left out, the checkout's own index has to become the private one, except for flags.
      if (left.length === 0 && !snapshot.flags && replaceIndex(gitDir, snapshot.index.GIT_INDEX_FILE)) {
        const isAll = !guards && remarks.length === 0 && !changes.some(isLink)
        return done(isAll ? await cleanStatus(git, gitDir, status) : null)
      }
    }
    await followHead(git, isUsers)
  } catch (failure) {
    if (isNoRoom(failure)) throw failure
    const { env } = await asked
    remarks.push(`What the agent left uncommitted could not be committed: ${(failure as Error).message}.`)
    const snapshot = await takeSnapshot(git, gitDir, run).catch(() => null)
    const kept = snapshot && (await rescueTree(git, runId, snapshot.tree, status.head, `Work of task ${task.id}`, env).catch(() => null))
    remarks.push(kept ? `It was kept in ${kept}.` : 'It was left where it is.')
  } finally {
    dropPrivateIndex(gitDir, run)
  }
  return done()
}

/** Whether the repository has hooks where git looks for them by itself; a folder that cannot be found may have some. */
function hooksAt(gitDir: string): boolean {
  const commonDir = commonOf(gitDir)
  return commonDir === null || hasHooks({ hooks: join(commonDir, 'hooks') })
}

/**
 * The status after all that `before` shows was committed, without hooks that may have written more. What git ignores is as it was.
 * Null where HEAD cannot be read without git.
 */
async function cleanStatus(git: Git, gitDir: string, before: Status): Promise<Status | null> {
  const head = headOfFiles(gitDir)
  return head === null || head === before.head || before.closed.length > 0
    ? null
    : { ...before, ...(await readIndex(git)), head, entries: [] }
}

/**
 * Changes that are not committed for the agent: the user's, files that only look changed, changes from before, and repositories of their
 * own.
 */
async function notToCommit({ git, dirtyAtStart, before }: CommitPlace, changes: TreeChange[]): Promise<TreeChange[]> {
  const isUsers = usersPaths(dirtyAtStart)
  const submodules = changes.some(isLink) ? await submodulePaths(git) : new Set()
  const suspects = changes.flatMap(({ path, before: was, now }) =>
    was && now && was.mode === now.mode && !isUsers(path) ? [{ path, sha: was.sha }] : [],
  )
  const noise = await noiseAmong(
    git,
    suspects,
    changes.map(({ path }) => path),
  )
  return changes.filter(
    change =>
      isUsers(change.path) ||
      noise.has(change.path) ||
      isUntouched(git.cwd, change.path, before) ||
      (isLink(change) && change.before === null && !submodules.has(change.path)),
  )
}

const isLink = (change: TreeChange) => change.now?.mode === '160000'

/** How to commit the tree in the private index; `restage` takes the checkout into it once more and returns the new tree. */
interface Making {
  message: string
  tree: () => Promise<string>
  /** Settings with which it is signed, where it is to be. */
  sign: string[]
  /** Programs of the user may run beside it, and end with the run. */
  isHeld: boolean
  restage: () => Promise<string>
}

async function commit(git: Git, head: string | null, env: Record<string, string>, making: Making): Promise<string[]> {
  const { message, tree, restage, sign, isHeld } = making
  const args = ['commit', '--quiet', '--file=-']
  const attempt = async (config: string[] = [], more: string[] = []): Promise<string | null> => {
    try {
      await git.run([...args, ...more], { env, input: message, slow: true, hooks: isHeld, config: [...sign, ...config] })
      return null
    } catch (failure) {
      if (isNoRoom(failure)) throw failure
      return (failure as Error).message
    }
  }
  const isMade = async () => (await branchTip(git, 'HEAD')) !== head
  const refusal = await attempt()
  if (refusal === null) return []
  if (await isMade()) return [`A hook failed after the commit: ${refusal}`]
  // A hook that changes files and then refuses, as formatters do, accepts its own changes.
  const before = await tree()
  if ((await restage()) !== before && ((await attempt()) === null || (await isMade())))
    return ["The repository's hooks changed files before the commit; it has them as the hooks left them."]
  // A refusing hook must not cost the work. Without its folder no hook runs (--no-verify leaves some).
  await git.run(['read-tree', before], { env })
  const failure = await attempt(['core.hooksPath=/dev/null'], ['--no-verify'])
  if (failure !== null) throw new RunnerError('GIT_FAILED', failure)
  return [`The repository's hooks refused the commit, so it was made without them: ${refusal}`]
}

/** Replaces the checkout's index by a finished one, by git's own protocol: whoever has the lock may do so. False when the lock is taken. */
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
