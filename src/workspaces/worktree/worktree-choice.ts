import { existsSync, lstatSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { RunnerError } from '../../core/errors.ts'
import { adminFolders, isForeign, type ListedWorktree, realPath } from '../../git/checkout/worktree-list.ts'
import { baseOf, branchTip } from '../../git/refs/base-commit.ts'
import { chooseBranch, type Surroundings, surroundingsOf } from '../branch-choice.ts'
import { type Intent, readIntent } from '../intent.ts'
import { branchesFor, foldersFor, isBranchFor } from '../names.ts'
import type { Place } from '../place.ts'
import { withUsableBase } from './worktree-base.ts'

/** The worktree that a run gets. */
export interface WorktreeChoice extends Intent {
  base: string
  /** The worktree is there and goes on as it is. */
  there: boolean
  otherNames: string[]
  vanished: string | null
}

/**
 * Chooses path, branch and start of a task's worktree; touches nothing. A worktree that the run has begun is chosen again. A worktree of
 * this task is continued; a branch in use elsewhere is left alone and continued under a name of ours. Also returns the place, with a base
 * in which worktrees can be made.
 */
export async function chooseWorktree(configured: Place): Promise<{ choice: WorktreeChoice; place: Place }> {
  const [place, around] = await Promise.all([withUsableBase(configured), surroundingsOf(configured)])
  return { choice: await chooseAmong(place, around), place }
}

async function chooseAmong(place: Place, around: Surroundings): Promise<WorktreeChoice> {
  const { git, request, repository } = place
  const { task, runId } = request
  const { worktrees } = around
  const otherNames = branchesFor(task.id, runId).slice(1)
  const standing = (path: string) => stand(repository.commonDir, path, worktrees)
  const goesOn = { kind: 'worktree', continued: true, there: true, otherNames, vanished: null } as const

  const intent = readIntent(repository.commonDir, runId)
  if (intent?.kind === 'worktree' && intent.base !== null) {
    const found = standing(intent.path)
    if (found === 'free' || found === 'unfinished' || found?.branch === intent.branch)
      return { ...intent, base: intent.base, there: typeof found === 'object', otherNames, vanished: null }
  }

  const inherited = await inheritedWorktree(place, worktrees)
  if (inherited) return { ...goesOn, ...inherited }

  const candidates = foldersFor(task.id, runId).map(name => ({ path: join(place.base, name), found: standing(join(place.base, name)) }))
  const first = candidates[0]!
  if (typeof first.found === 'object' && first.found?.branch && isOfTask(first.found.branch, task)) {
    const { branch } = first.found
    const base = await branchTip(git, `refs/heads/${branch}`)
    if (base) return { ...goesOn, path: first.path, branch, base, remark: place.baseRemark }
  }

  const free = candidates.find(({ found }) => found === 'free' || found === 'unfinished')
  if (!free) throw new RunnerError('GIT_FAILED', `${first.path} is in use by something else, and so are nine other names`)
  const { remarks, base, ...chosen } = await chooseBranch(place, around, free.path)
  if (base === null) throw new RunnerError('GIT_FAILED', 'the repository has no commits yet, so no branch can start from anything')
  const said = [place.baseRemark, free !== first && `${first.path} is in use by something else`, ...remarks].filter(Boolean)
  return { kind: 'worktree', path: free.path, ...chosen, base, remark: said.join('; ') || null, there: false }
}

/** What is at a path: nothing in the way, a worktree that is not whole, a whole one, or (null) something else. */
function stand(commonDir: string, path: string, worktrees: ListedWorktree[]): 'free' | 'unfinished' | ListedWorktree | null {
  const admins = adminFolders(commonDir, path)
  const folder = lstatSync(path, { throwIfNoEntry: false })
  const listed = worktrees.find(one => realPath(one.path) === realPath(path))
  if (admins.length > 0) {
    if (isForeign(path, admins)) return null
    if (folder?.isDirectory() && admins.some(admin => existsSync(join(admin, 'index')))) return listed ?? null
    // A locked worktree whose folder is missing may be on a disk that comes back.
    if (!folder && listed?.lock && listed.lock !== 'initializing') return null
    return 'unfinished'
  }
  if (!folder) return 'free'
  return folder.isDirectory() && readdirSync(path).length === 0 ? 'free' : null
}

/** The worktree of this repository in which an older runner worked on the task, with all that it did counted as the task's. */
async function inheritedWorktree(place: Place, worktrees: ListedWorktree[]) {
  const { git, request, repository, options } = place
  if (!request.inherited || !isWorktreeOf(repository.commonDir, request.inherited.path)) return null
  const path = realPath(request.inherited.path)
  const listed = worktrees.find(one => realPath(one.path) === path)
  const admin = adminFolders(repository.commonDir, path)[0]!
  const tip = await branchTip(git.at(path, { GIT_DIR: admin, GIT_WORK_TREE: path }), 'HEAD')
  if (!listed || !tip) return null
  const from = (await baseOf(git, options.baseBranch).catch(() => null))?.commit
  const base = (from && (await git.ask(['merge-base', from, tip]))?.trim()) || tip
  const branch = listed.branch ?? request.inherited.branch ?? branchesFor(request.task.id, request.runId)[0]
  return { path, branch, base, remark: null }
}

/** Whether a path is a whole worktree of the repository (not its main checkout). */
export function isWorktreeOf(commonDir: string, path: string): boolean {
  const admins = adminFolders(commonDir, path)
  return existsSync(path) && admins.some(admin => existsSync(join(admin, 'index'))) && !isForeign(path, admins)
}

function isOfTask(branch: string, { id, branch: named }: Place['request']['task']): boolean {
  return branch === named || isBranchFor(id, branch)
}
