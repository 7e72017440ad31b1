import { existsSync, readdirSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { RunnerError } from '../core/errors.ts'
import { baseCommit, branchTip, ORIGIN_HEAD, refTips } from './base-commit.ts'
import { type Intent, readIntent } from './intent.ts'
import { namedBranch, safeTaskId, shortRun } from './names.ts'
import type { Place } from './place.ts'
import { adminFolders, isForeign, type ListedWorktree, listWorktrees, realPath } from './worktree-list.ts'

/** Which worktree a run is to have. */
export interface WorktreeChoice extends Intent {
  /** The worktree is there and goes on as it is. */
  there: boolean
  /** Names to take when git refuses the branch (for example since a branch `feature` stands in the way of `feature/…`). */
  otherNames: string[]
  /** A path whose folder is gone but which git still holds for this branch. */
  vanished: string | null
}

/**
 * Chooses path, branch and start of a task's worktree; touches nothing. What the run has begun already is chosen again. A worktree
 * of this task is continued, a branch that is in use elsewhere is left alone and continued under a name of ours.
 */
export async function chooseWorktree(place: Place): Promise<WorktreeChoice> {
  const { git, request, repository } = place
  const id = safeTaskId(request.task.id)
  const short = shortRun(request.runId)
  const own = `feature/task-${id}-${short}`
  const otherNames = [own, `task-${id}-${short}`]
  const named = request.task.branch
  const names = [named ?? `feature/task-${id}`, own]
  // Three questions at once, since each is a process. The answer to the last means nothing for a name that is none.
  const [worktrees, wanted, tips] = await Promise.all([
    listWorktrees(git, repository),
    named ? namedBranch(git, named) : names[0]!,
    refTips(git, [...names.flatMap(name => [`refs/heads/${name}`, `refs/remotes/origin/${name}`]), ORIGIN_HEAD]),
  ])
  const standing = (path: string) => stand(repository.commonDir, path, worktrees)

  const intent = readIntent(repository.commonDir, request.runId)
  if (intent) {
    const found = standing(intent.path)
    if (found === 'free' || found === 'unfinished' || found?.branch === intent.branch)
      return { ...intent, there: typeof found === 'object', otherNames, vanished: null }
  }

  const paths = [`task-${id}`, `task-${id}-${short}`, ...[2, 3, 4, 5, 6, 7, 8, 9].map(n => `task-${id}-${short}-${n}`)]
  const candidates = paths.map(name => join(place.base, name)).map(path => ({ path, found: standing(path) }))

  const inherited = await inheritedWorktree(place, worktrees)
  if (inherited) return { ...inherited, branch: inherited.branch ?? wanted, otherNames }

  const first = candidates[0]!
  if (typeof first.found === 'object' && first.found !== null && isOfTask(first.found.branch, wanted, id)) {
    const branch = first.found.branch as string
    const base = await branchTip(git, `refs/heads/${branch}`)
    if (base) return { path: first.path, branch, base, continued: true, remark: null, there: true, otherNames, vanished: null }
  }

  const free = candidates.find(({ found }) => found === 'free' || found === 'unfinished')
  if (!free) throw new RunnerError('GIT_FAILED', `${first.path} is in use by something else, and so are nine other names`)
  const remarks: string[] = []
  if (free !== first) remarks.push(`${first.path} is in use by something else`)

  const holder = worktrees.find(one => one.branch === wanted && realPath(one.path) !== realPath(free.path))
  const vanished = holder && !existsSync(holder.path) && holder.lock === null && dirname(holder.path) === place.base ? holder.path : null
  const elsewhere = holder && !vanished
  const branch = elsewhere ? own : wanted
  if (elsewhere) remarks.push(`the branch ${wanted} is checked out in ${holder.path}, so the work goes on from it on ${own}`)

  const tip = tips.get(`refs/heads/${branch}`) ?? (elsewhere ? null : tips.get(`refs/remotes/origin/${branch}`))
  const head = worktrees.find(one => realPath(one.path) === repository.root)?.head
  const seen = head ? { head, originHead: tips.get(ORIGIN_HEAD)?.symref ?? null } : undefined
  const base =
    tip?.sha ?? (elsewhere ? tips.get(`refs/heads/${wanted}`)?.sha : null) ?? (await baseCommit(git, place.options.baseBranch, seen))
  const remark = remarks.length > 0 ? remarks.join('; ') : null
  return { path: free.path, branch, base, continued: Boolean(tip), remark, there: false, otherNames, vanished }
}

/** What is at a path: nothing in the way, a worktree that is not whole, a whole one, or (null) something else. */
function stand(commonDir: string, path: string, worktrees: ListedWorktree[]): 'free' | 'unfinished' | ListedWorktree | null {
  const admins = adminFolders(commonDir, path)
  const folder = statSync(path, { throwIfNoEntry: false })
  const listed = worktrees.find(one => realPath(one.path) === realPath(path))
  if (admins.length > 0) {
    if (isForeign(path, admins)) return null
    if (folder?.isDirectory() && admins.some(admin => existsSync(join(admin, 'index')))) return listed ?? null
    // A locked one whose folder is away may be on a disk that comes back.
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
  const from = await baseCommit(git, options.baseBranch).catch(() => null)
  const base = (from && (await git.ask(['merge-base', from, tip]))?.trim()) || tip
  return { path, branch: listed.branch ?? request.inherited.branch, base, continued: true, remark: null, there: true, vanished: null }
}

/** Whether a path is a whole worktree of the repository (not its main checkout). */
export function isWorktreeOf(commonDir: string, path: string): boolean {
  const admins = adminFolders(commonDir, path)
  return existsSync(path) && admins.some(admin => existsSync(join(admin, 'index'))) && !isForeign(path, admins)
}

function isOfTask(branch: string | null, wanted: string, id: string): boolean {
  if (branch === null) return false
  return branch === wanted || (branch.startsWith(`feature/task-${id}-`) && /^[a-z0-9]{6}$/.test(branch.slice(`feature/task-${id}-`.length)))
}
