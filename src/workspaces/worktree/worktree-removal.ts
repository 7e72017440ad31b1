import { existsSync, readdirSync, rmdirSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import type { WorkspaceRecord } from '../../core/run.ts'
import type { Status } from '../../git/checkout/status.ts'
import { adminFolders, halfRemovedAdminFolders } from '../../git/checkout/worktree-list.ts'
import type { Git } from '../../git/git.ts'
import { lockHolderLives } from '../../git/git-at-work.ts'
import { unfinishedOperation } from '../../git/repository.ts'
import { keepLooseCommits, readCheckout } from '../checkout-state.ts'
import { keepCheckout } from '../kept/keep-checkout.ts'
import { changedBefore, knownBefore } from '../picture/picture.ts'
import { gitAt, type Place } from '../place.ts'
import { GOING, mendWorktree, readLock, unfinishedLink, wholeWorktree } from './worktree-repair.ts'

/**
 * Removes a worktree when nothing in it can be lost; its branch stays. Work that is uncommitted, ignored or on no branch is rescued
 * first; build caches go with the worktree. Returns why it stays, or null when it is gone. Repeating an interrupted removal completes it.
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
  const before = changedBefore(place)
  const { status } = await readCheckout(at, gitDir, workspace, before)
  const obstacle = await keepAll(place, at, gitDir, workspace, status)
  if (obstacle) return obstacle
  writeFileSync(join(gitDir, GOING), '')
  // Without --force git itself looks once more whether anything is uncommitted, at the last moment.
  const plain = status.entries.length === 0 && (await git.ask(['worktree', 'remove', path], { slow: true })) !== null
  if (!plain && existsSync(path)) {
    const late = status.entries.length === 0 ? (await readCheckout(at, gitDir, workspace, before)).status : null
    const lateObstacle = late && (await keepAll(place, at, gitDir, workspace, late))
    if (lateObstacle) {
      rmSync(join(gitDir, GOING), { force: true })
      return lateObstacle
    }
    await git.run(['worktree', 'remove', '--force', path], { slow: true })
  }
  return existsSync(path) ? 'git could not delete all of it' : null
}

/** Puts everything that would be lost under `refs/agent-runner/`. Returns what cannot be kept that way, or null. */
export async function keepAll(place: Place, git: Git, gitDir: string, workspace: WorkspaceRecord, status: Status): Promise<string | null> {
  const operation = unfinishedOperation(gitDir)
  const { obstacle } = await keepCheckout(place, gitDir, workspace.path, status, knownBefore(place))
  await keepLooseCommits(git, gitDir, place.request.runId, status, workspace.base)
  return operation ? `there is an unfinished ${operation} in it` : obstacle
}
