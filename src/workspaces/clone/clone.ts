import { existsSync, lstatSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { RunnerError } from '../../core/errors.ts'
import type { WorkspaceRecord } from '../../core/run.ts'
import { readStatus } from '../../git/checkout/status.ts'
import { realPath } from '../../git/checkout/worktree-list.ts'
import { clearStaleLocks } from '../../git/git-at-work.ts'
import { branchTip } from '../../git/refs/base-commit.ts'
import { isAncestor } from '../../git/refs/commits.ts'
import { chooseBranch, surroundingsOf } from '../branch-choice.ts'
import { readCheckout, reportVanished } from '../checkout-state.ts'
import { excludeFolder } from '../exclude.ts'
import { dropIntent, type Intent, readIntent, writeIntent } from '../intent.ts'
import { branchesFor, foldersFor, isBranchFor } from '../names.ts'
import { tellWorktrees } from '../picture/further-worktrees.ts'
import { changedBefore, lookAround, takePicture } from '../picture/picture.ts'
import { gitAt, ownFolders, type Place } from '../place.ts'
import { initSubmodules } from '../submodules.ts'
import { isAsMade } from '../untouched.ts'
import type { CollectedWork } from '../work-report.ts'
import { collectCheckout } from '../worktree/worktree.ts'
import { clonesInState } from '../worktree/worktree-base.ts'
import { keepAll } from '../worktree/worktree-removal.ts'
import { halfGone, halfMade, makeClone, noStateFolder, sourceOf } from './clone-make.ts'
import { bringBack, insideOf, isBroughtBack, isUnchanged } from './clone-return.ts'

/** A clone that was chosen: `there` when it goes on as it is. */
export interface CloneChoice extends Intent {
  kind: 'clone'
  there: boolean
  otherNames: string[]
}

/** Whether an earlier failed run of the task has left a clone in which it can go on. */
export function hasClone(place: Place): boolean {
  const { state, repository, request } = place
  if (state === null) return false
  return isCloneOf(join(clonesInState(state, repository), foldersFor(request.task.id, request.runId)[0]), place)
}

/**
 * Chooses path, branch and start of a task's clone; touches nothing. A clone that the run has begun is chosen again. `why` says why it is
 * no worktree.
 */
export async function chooseClone(place: Place, why: string): Promise<CloneChoice> {
  const { state, repository, request, git } = place
  if (state === null) throw noStateFolder()
  const { task, runId } = request
  const [, ...otherNames] = branchesFor(task.id, runId)
  const folder = realPath(clonesInState(state, repository))
  const intent = readIntent(repository.commonDir, runId)
  if (intent?.kind === 'clone') return { ...intent, kind: 'clone', there: isCloneOf(intent.path, place), otherNames }
  const said = `${why}, so the task works in a clone of the repository`
  const paths = foldersFor(task.id, runId).map(name => join(folder, name))
  const first = paths[0]!
  const left = isCloneOf(first, place) ? await readStatus(gitAt(place, first)) : null
  if (left?.branch && left.head && (left.branch === task.branch || isBranchFor(task.id, left.branch))) {
    const base = (await branchTip(git, left.head)) ?? (await branchTip(git, `refs/heads/${left.branch}`)) ?? left.head
    return { kind: 'clone', path: first, branch: left.branch, base, continued: true, remark: said, there: true, otherNames }
  }
  const path = paths.find(one => !lstatSync(one, { throwIfNoEntry: false }))
  if (!path) throw new RunnerError('GIT_FAILED', `${first} is in use by something else, and so are nine other names`)
  const { branch, base, continued, remarks, otherNames: others } = await chooseBranch(place, await surroundingsOf(place), path)
  return { kind: 'clone', path, branch, base, continued, remark: [said, ...remarks].join('; '), there: false, otherNames: others }
}

/** Makes the run's clone, or finds it as it was left. Throws GIT_FAILED. */
export async function prepareClone(place: Place, why: string): Promise<WorkspaceRecord> {
  const { options, repository } = place
  const choice = await chooseClone(place, why)
  for (const folder of ownFolders(place)) if (existsSync(folder)) excludeFolder(repository, folder)
  const around = await lookAround(place)
  if (choice.there) await catchUp(place, choice)
  else await makeUnderSomeName(place, choice)
  const trouble = await initSubmodules(gitAt(place, choice.path))
  if (trouble) options.warn(trouble)
  const { path, branch, base, continued, remark: fallback } = choice
  const none = { startTree: null, dirtyAtStart: [] }
  const workspace: WorkspaceRecord = { kind: 'clone', repo: repository.root, path, branch, base, ...none, continued, fallback }
  await takePicture(place, workspace, around)
  return workspace
}

async function makeUnderSomeName(place: Place, choice: CloneChoice): Promise<void> {
  const { git, repository, request } = place
  let refusal: unknown
  for (const branch of [choice.branch, ...choice.otherNames]) {
    if (refusal !== undefined) {
      choice.remark = `${choice.remark}; git refused the branch ${choice.branch} (${(refusal as Error).message}), so the work goes on from it on ${branch}`
      Object.assign(choice, { branch, continued: false })
    }
    const { kind, path, base, continued, remark } = choice
    writeIntent(repository.commonDir, request.runId, { kind, path, branch, base, continued, remark })
    const there = await branchTip(git, `refs/heads/${branch}`)
    if (base !== null && !there) {
      try {
        // Take the name at once, so that no other run takes it, and so that git says now whether such a branch is possible.
        await git.run(['update-ref', `refs/heads/${branch}`, base, '0'.repeat(base.length)])
      } catch (failure) {
        refusal ??= failure
        continue
      }
    }
    try {
      const remarks = await makeClone(place, choice)
      choice.remark = [remark, ...remarks].filter(Boolean).join('; ') || null
      writeIntent(repository.commonDir, request.runId, { kind, path, branch, base, continued, remark: choice.remark })
    } catch (failure) {
      if (base !== null && !there) await git.ask(['update-ref', '-d', `refs/heads/${branch}`, base])
      dropIntent(repository.commonDir, request.runId)
      throw failure
    }
    return
  }
  dropIntent(repository.commonDir, request.runId)
  throw refusal
}

/** A clone that was left continues from the branch in the repository, where that has more commits by now. */
async function catchUp(place: Place, { path, branch }: CloneChoice): Promise<void> {
  const at = gitAt(place, path)
  await clearStaleLocks(join(path, '.git'), path)
  const tip = await branchTip(place.git, `refs/heads/${branch}`)
  if (tip === null || tip === (await branchTip(at, 'HEAD'))) return
  const config = ['protocol.file.allow=always', 'core.hooksPath=/dev/null']
  const fetch = ['fetch', '--quiet', '--no-tags', '--no-recurse-submodules', place.repository.commonDir, `refs/heads/${branch}`]
  if ((await at.ask(fetch, { slow: true, config })) !== null) await at.ask(['merge', '--quiet', '--ff-only', tip], { slow: true, config })
}

/** Commits what is uncommitted after a success, brings all commits into the repository, and reports what was done. */
export async function collectClone(place: Place, workspace: WorkspaceRecord, success: boolean): Promise<CollectedWork> {
  const { git } = place
  const { path } = workspace
  if (!isCloneOf(path, place)) {
    const remark = `There is no clone in ${path} any more; only what came back into the repository is reported.`
    return await reportVanished(place, place.repository.gitDir, workspace, { head: null, branch: null }, remark)
  }
  const gitDir = join(path, '.git')
  await clearStaleLocks(gitDir, path)
  const at = gitAt(place, path)
  const report = await collectCheckout(place, at, gitDir, workspace, success)
  const further = await tellWorktrees(insideOf(place, at, gitDir), new Set([realPath(path)]), 'belongs to the clone, which stays')
  const remarks = [...report.remarks, ...further, ...(await bringBack(place, at, gitDir, workspace))]
  const last = report.commits.at(-1)?.sha
  if (report.branch === null || !last || (await isAncestor(git, last, `refs/heads/${report.branch}`))) return { ...report, remarks }
  return { ...report, branch: null, remarks: [...remarks, `In the repository the branch ${report.branch} does not hold these commits.`] }
}

/**
 * Puts everything that is only in a clone into the repository, and leaves the clone as it is. Returns what cannot be kept that way, or
 * null.
 */
export async function secureClone(place: Place, workspace: WorkspaceRecord): Promise<string | null> {
  const { path } = workspace
  const gitDir = join(path, '.git')
  await clearStaleLocks(gitDir, path)
  const at = gitAt(place, path)
  const { status } = await readCheckout(at, gitDir, workspace, changedBefore(place))
  const obstacle = await keepAll(place, at, gitDir, workspace, status)
  await bringBack(place, at, gitDir, workspace)
  if (obstacle !== null) return obstacle
  if (!(await isBroughtBack(place, at, gitDir))) return 'not all of its commits are in the repository'
  return hasWorktrees(gitDir) ? 'it has worktrees of its own' : null
}

/**
 * Removes a clone when nothing in it can be lost. Returns why it stays, or null when it is gone. Repeating an interrupted removal
 * completes it.
 */
export async function removeClone(place: Place, workspace: WorkspaceRecord): Promise<string | null> {
  const { path } = workspace
  const { runId } = place.request
  const going = halfGone(path, runId)
  for (const rest of [going, halfMade(path, runId)]) rmSync(rest, { recursive: true, force: true, maxRetries: 3 })
  if (!existsSync(path)) return null
  if (!isCloneOf(path, place)) return 'it is no clone of the repository any more'
  const obstacle = await secureClone(place, workspace)
  if (obstacle !== null) return obstacle
  // Rename it in one step, so that half a clone is never taken for a whole one.
  renameSync(path, going)
  rmSync(going, { recursive: true, force: true, maxRetries: 3 })
  return null
}

/** Whether a run has left a clone as it was made: nothing uncommitted, nothing committed anywhere. */
export async function isUntouchedClone(place: Place, workspace: WorkspaceRecord): Promise<boolean> {
  const { path } = workspace
  if (!existsSync(path)) return true
  if (!isCloneOf(path, place)) return false
  const gitDir = join(path, '.git')
  return (await isAsMade(place, gitDir, workspace)) && (await isUnchanged(gitAt(place, path), gitDir))
}

function isCloneOf(path: string, { repository }: Place): boolean {
  return sourceOf(path) === repository.commonDir
}

function hasWorktrees(gitDir: string): boolean {
  const folder = join(gitDir, 'worktrees')
  return existsSync(folder) && readdirSync(folder).length > 0
}
