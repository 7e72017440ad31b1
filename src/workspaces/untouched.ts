import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { WorkspaceRecord } from '../core/run.ts'
import { readStatus } from '../git/checkout/status.ts'
import { adminFolders, listWorktrees } from '../git/checkout/worktree-list.ts'
import type { Git } from '../git/git.ts'
import { branchTip } from '../git/refs/base-commit.ts'
import { unfinishedOperation } from '../git/repository.ts'
import { hiddenFiles } from './hidden-files.ts'
import { withoutNoise } from './noise.ts'
import { changedBefore, knownBefore } from './picture/picture.ts'
import { gitAt, type Place } from './place.ts'
import { GOING, wholeWorktree } from './worktree/worktree-repair.ts'

/**
 * Whether a run has left a worktree as it was made: nothing uncommitted or ignored, its branch where it began, and, where the branch was made for the
 * run, no commit that it ever stood at beside that. Once its removal has begun it stays so.
 */
export async function isUntouched(place: Place, workspace: WorkspaceRecord): Promise<boolean> {
  const { path, branch, base, continued } = workspace
  const { git, repository } = place
  if (!branch || !base || (await branchTip(git, `refs/heads/${branch}`)) !== base) return false
  if (!continued && (await hasMoved(git, `refs/heads/${branch}`, base))) return false
  if (!existsSync(path)) return true
  const going = adminFolders(repository.commonDir, path).some(admin => existsSync(join(admin, GOING)))
  const gitDir = await wholeWorktree(place, path, true)
  if (!gitDir) return going
  return await isAsMade(place, gitDir, workspace, going)
}

/** The same of the checkout alone. `going`: its removal has begun, so deleted files say nothing. */
export async function isAsMade(place: Place, gitDir: string, workspace: WorkspaceRecord, going = false): Promise<boolean> {
  const { path, branch, base, continued } = workspace
  const at = gitAt(place, path)
  const status = await withoutNoise(at, await readStatus(at, { ignored: true }), changedBefore(place))
  const { files, incomplete } = await hiddenFiles(path, status.ignored, knownBefore(place))
  // An interrupted removal looks as if its files had been deleted.
  const clean = status.entries.every(entry => going && entry.kind === 'gone')
  const moved = !continued && base !== null && (await hasMoved(at, 'HEAD', base))
  return (
    clean &&
    files.size === 0 &&
    !incomplete &&
    !moved &&
    status.branch === branch &&
    status.head === base &&
    unfinishedOperation(gitDir) === null
  )
}

/** Deletes the branch that was made for a run and is where it began, unless somebody has it checked out by now. */
export async function dropUnusedBranch({ git, repository }: Place, { branch, base, continued }: WorkspaceRecord): Promise<void> {
  if (continued || !branch || !base) return
  if ((await listWorktrees(git, repository)).some(one => one.branch === branch)) return
  await git.ask(['update-ref', '-d', `refs/heads/${branch}`, base])
}

/** Whether a ref has stood elsewhere since it was made, by its own log. */
async function hasMoved(git: Git, ref: string, base: string): Promise<boolean> {
  const stands = await git.ask(['log', '-g', '--format=%H', ref, '--'])
  return (stands ?? '').split('\n').some(sha => sha !== '' && sha !== base)
}
