import { existsSync, lstatSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { RunnerError } from '../../core/errors.ts'
import { readStatus } from '../../git/checkout/status.ts'
import { adminFolders, isForeign, nascentAdminFolders, realPath } from '../../git/checkout/worktree-list.ts'
import { clearStaleLocks, waitForGit } from '../../git/git-at-work.ts'
import { identityEnv } from '../../git/identity.ts'
import { branchTip } from '../../git/refs/base-commit.ts'
import { gitFolderOf, PUT_ASIDE } from '../../git/repository.ts'
import { dropPrivateIndex, takeSnapshot } from '../../git/trees/snapshot.ts'
import { treeChanges } from '../../git/trees/trees.ts'
import { plainText } from '../../machine/files/plain-file.ts'
import { hiddenFiles } from '../hidden-files.ts'
import { isHeld, keepCommit, rescueTree, safeRun } from '../kept/rescue.ts'
import { gitAt, type Place } from '../place.ts'

/** File in a worktree's git folder that says: it is being removed, so a file that is missing is not one that the agent deleted. */
export const GOING = 'agent-runner-removing'

/** How long to wait for a git of an earlier runner, in milliseconds. */
export const PATIENCE_MS = 30_000

/**
 * The git folder of a whole worktree at this path, or null. Whole means: its files were all written once (git writes the index
 * after them), and its removal has not begun. A lost `.git` file is written again; a lock of git's own making and a stale `index.lock` are taken away.
 */
export async function wholeWorktree(place: Place, path: string, evenIfGoing = false): Promise<string | null> {
  const admin = adminFolders(place.repository.commonDir, path).find(folder => existsSync(join(folder, 'index')))
  if (!admin || !existsSync(path) || (!evenIfGoing && existsSync(join(admin, GOING)))) return null
  if (gitFolderOf(path) !== realPath(admin)) {
    if (!mayLink(path)) return null
    linkTo(path, admin)
  }
  await clearStaleLocks(admin, path)
  if (readLock(admin) === 'initializing') rmSync(join(admin, 'locked'), { force: true })
  return admin
}

/** Whether a worktree has no `.git`, or an empty one from a power cut while it was written. */
function mayLink(path: string): boolean {
  if (existsSync(join(path, PUT_ASIDE))) return false
  const entry = lstatSync(join(path, '.git'), { throwIfNoEntry: false })
  return !entry || (entry.isFile() && entry.size === 0)
}

/** Where a worktree's `.git` is written first: beside the worktree, where it is nobody's work if a kill leaves it. */
export const unfinishedLink = (path: string) => `${path}.git.new`

function linkTo(path: string, admin: string): void {
  writeFileSync(unfinishedLink(path), `gitdir: ${admin}\n`)
  renameSync(unfinishedLink(path), join(path, '.git'))
}

/**
 * Makes room for a worktree where an interrupted `git worktree add` (or a removed folder) left pieces: waits for a git that still
 * works there, then takes the pieces away. Files that differ from the branch are rescued first. True when the worktree turned out to be whole.
 */
export async function mendWorktree(place: Place, path: string, commit: string): Promise<boolean> {
  const { git, repository, request } = place
  await waitForGit(path, PATIENCE_MS)
  if (await wholeWorktree(place, path)) return true
  const admins = [...adminFolders(repository.commonDir, path), ...nascentAdminFolders(repository.commonDir, basename(path))]
  if (isForeign(path, admins)) throw new RunnerError('GIT_FAILED', `${path} holds a repository of its own`)
  const head = await headOf(place, admins)
  if (head && !(await isHeld(git, head))) await keepCommit(git, request.runId, head)
  if (existsSync(path) && readdirSync(path).length > 0) await rescueFiles(place, path, head ?? commit)
  rmSync(path, { recursive: true, force: true, maxRetries: 3 })
  for (const admin of admins) rmSync(admin, { recursive: true, force: true, maxRetries: 3 })
  return false
}

async function headOf(place: Place, admins: string[]): Promise<string | null> {
  for (const admin of admins) {
    const head = (plainText(join(admin, 'HEAD')) ?? '').trim()
    const commit = head.startsWith('ref: ')
      ? await branchTip(place.git, head.slice(5))
      : /^0*$/.test(head)
        ? null
        : await branchTip(place.git, head)
    if (commit) return commit
  }
  return null
}

/** Keeps what a folder that is about to go holds beyond a commit. Throws when that cannot be done in full. */
async function rescueFiles(place: Place, path: string, commit: string): Promise<void> {
  const { repository, request, options } = place
  const run = safeRun(request.runId)
  const git = gitAt(place, path).at(path, { GIT_DIR: repository.commonDir, GIT_WORK_TREE: path })
  try {
    const status = await readStatus(git, { ignored: true })
    const ignored = await hiddenFiles(path, status.ignored)
    if (ignored.incomplete) throw new RunnerError('GIT_FAILED', `what is ignored in ${path} could not be kept: ${ignored.incomplete}`)
    const snapshot = await takeSnapshot(git, repository.commonDir, run, { from: commit, hidden: [...ignored.files.keys()] })
    if (snapshot.incomplete) throw new RunnerError('GIT_FAILED', `what lies in ${path} could not be kept: ${snapshot.incomplete}`)
    if ((await treeChanges(git, commit, snapshot.tree)).every(change => change.now === null)) return
    const env = await identityEnv(git, options.author)
    const ref = await rescueTree(git, request.runId, snapshot.tree, commit, `Files found in ${basename(path)}`, env)
    options.warn(`${path} was half made and held files of its own; they were kept in ${ref}`)
  } finally {
    dropPrivateIndex(repository.commonDir, run)
  }
}

/** The reason of a worktree's lock, '' without one; null when it is not locked. */
export function readLock(admin: string): string | null {
  const file = join(admin, 'locked')
  return existsSync(file) ? (plainText(file) ?? '').trim() : null
}
