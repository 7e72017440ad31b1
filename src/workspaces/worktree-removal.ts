import { existsSync, readdirSync, rmdirSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import type { WorkspaceRecord } from '../core/run.ts'
import { keepLooseCommits, readCheckout } from './checkout-state.ts'
import type { Git } from './git.ts'
import { lockHolderLives } from './git-at-work.ts'
import { identityEnv } from './identity.ts'
import { gitAt, type Place } from './place.ts'
import { unfinishedOperation } from './repository.ts'
import { rescueTree, safeRun } from './rescue.ts'
import { dropPrivateIndex, takeSnapshot } from './snapshot.ts'
import type { Status } from './status.ts'
import { nestedLinks, nestedWork } from './submodules.ts'
import { somePaths } from './users-paths.ts'
import { adminFolders, halfRemovedAdminFolders } from './worktree-list.ts'
import { GOING, mendWorktree, readLock, unfinishedLink, wholeWorktree } from './worktree-repair.ts'

/**
 * Removes a worktree when nothing in it can be lost; its branch stays. What is uncommitted or on no branch is rescued first. Ignored files
 * go with it: they are no work. Answers why it stays, or null when it is gone. Repeating an interrupted removal ends it.
 */
export async function removeWorktree(place: Place, workspace: WorkspaceRecord): Promise<string | null> {
  const { git, repository } = place
  const { path } = workspace
  const admins = adminFolders(repository.commonDir, path)
  rmSync(unfinishedLink(path), { force: true })
  if (!existsSync(path)) {
    if (admins.length > 0) await mendWorktree(place, path, workspace.base ?? 'HEAD')
    for (const left of halfRemovedAdminFolders(repository.commonDir, basename(path))) rmSync(left, { recursive: true, force: true })
    return null
  }
  const gitDir = await wholeWorktree(place, path, true)
  if (!gitDir) {
    if (readdirSync(path).length > 0) return 'it is no worktree any more, and there are files in it'
    rmdirSync(path)
    return null
  }
  const lock = readLock(gitDir)
  if (lock !== null) {
    const lives = lockHolderLives(lock)
    if (lives !== false) return lives ? `a live process has locked it: ${lock}` : `it is locked${lock ? `: ${lock}` : ''}`
    rmSync(join(gitDir, 'locked'), { force: true })
  }
  const at = gitAt(place, path)
  const [{ status }, links] = await Promise.all([readCheckout(at, gitDir, workspace), nestedLinks(at)])
  const obstacle = await keepAll(place, at, gitDir, workspace, status, links)
  if (obstacle) return obstacle
  writeFileSync(join(gitDir, GOING), '')
  // Without --force git itself looks once more whether anything is uncommitted, at the last moment.
  const plain = status.entries.length === 0 && (await git.ask(['worktree', 'remove', path], { slow: true })) !== null
  if (!plain && existsSync(path)) {
    const late = status.entries.length === 0 ? (await readCheckout(at, gitDir, workspace)).status : null
    const lateObstacle = late && (await keepAll(place, at, gitDir, workspace, late))
    if (lateObstacle) {
      rmSync(join(gitDir, GOING), { force: true })
      return lateObstacle
    }
    await git.run(['worktree', 'remove', '--force', path], { slow: true })
  }
  return existsSync(path) ? 'git could not delete all of it' : null
}

/** Puts all that would be lost under `refs/agent-runner/`. Answers what cannot be kept that way, or null. */
async function keepAll(
  place: Place,
  git: Git,
  gitDir: string,
  workspace: WorkspaceRecord,
  status: Status,
  links?: string[],
): Promise<string | null> {
  const { request, options } = place
  const operation = unfinishedOperation(gitDir)
  const run = safeRun(request.runId)
  // Deleted files alone are no work: their contents are in HEAD. An interrupted removal looks like that.
  if (operation || status.entries.some(entry => entry.kind !== 'gone')) {
    try {
      const snapshot = await takeSnapshot(git, gitDir, run)
      const env = await identityEnv(git, options.author)
      await rescueTree(git, request.runId, snapshot.tree, status.head, `Left uncommitted by task ${request.task.id}`, env)
      if (snapshot.incomplete) return `not all of it could be kept: ${snapshot.incomplete}`
    } finally {
      dropPrivateIndex(gitDir, run)
    }
  }
  await keepLooseCommits(git, gitDir, request.runId, status, workspace.base)
  if (operation) return `there is an unfinished ${operation} in it`
  const nested = await nestedWork(git, status, links)
  return nested.length > 0 ? `there are repositories with work of their own in it: ${somePaths(nested)}` : null
}
