import type { WorkspaceRecord } from '../core/run.ts'
import { keepLooseCommits, readCheckout } from './checkout-state.ts'
import type { Git } from './git.ts'
import { clearStaleLocks } from './git-at-work.ts'
import { identityEnv } from './identity.ts'
import { usersPathsTouched } from './in-place.ts'
import { gitAt, type Place } from './place.ts'
import { unfinishedOperation } from './repository.ts'
import { rescueTree, safeRun, startRef } from './rescue.ts'
import { quitOperation, restorePaths } from './restore.ts'
import { dropPrivateIndex, takeSnapshot } from './snapshot.ts'
import { readStatus, type Status } from './status.ts'
import { emptyTree, treeChanges } from './trees.ts'
import { somePaths, usersPaths } from './users-paths.ts'

/**
 * Lets go of the repository's checkout. After a failure, or when a merge or the like is left unfinished, the agent's uncommitted changes move to `refs/agent-runner/`; its commits stay on
 * the branch, and the user's own paths are never touched. A checkout that is clean goes back to the branch that it was on.
 */
export async function cleanupInPlace(place: Place, workspace: WorkspaceRecord, success: boolean): Promise<void> {
  const { repository, request, options } = place
  const git = gitAt(place, repository.root)
  await clearStaleLocks(repository.gitDir, repository.root)
  const touched = await usersPathsTouched(place, workspace)
  if (workspace.dirtyAtStart.length > 0 && touched.length === 0) await git.ask(['update-ref', '-d', startRef(request.runId)])
  const { status } = await readCheckout(git, repository.gitDir, workspace)
  await keepLooseCommits(git, repository.gitDir, request.runId, status, workspace.base)
  // A success does not leave a merge in the way of the next task either.
  const asItIs = success && unfinishedOperation(repository.gitDir) === null
  if (!asItIs && status.entries.length > 0) await moveAway(place, git, workspace, status)
  if (!asItIs) await quitOperation(git, repository.gitDir)
  const after = asItIs || status.entries.length === 0 ? status : await readStatus(git)
  if (workspace.branch === null || after.branch === workspace.branch) return
  if (after.entries.length === 0 && (await git.ask(['checkout', '--quiet', workspace.branch, '--'], { slow: true })) !== null)
    options.warn(`the agent had left ${repository.root} on ${after.branch ?? 'a detached HEAD'}; it is back on ${workspace.branch}`)
  else options.warn(`the agent left ${repository.root} on ${after.branch ?? 'a detached HEAD'} instead of ${workspace.branch}`)
}

async function moveAway(place: Place, git: Git, workspace: WorkspaceRecord, status: Status): Promise<void> {
  const { repository, request, options } = place
  const run = safeRun(request.runId)
  const isUsers = usersPaths(workspace.dirtyAtStart)
  try {
    const snapshot = await takeSnapshot(git, repository.gitDir, run)
    const head = status.head ?? (await emptyTree(git))
    const changes = (await treeChanges(git, head, snapshot.tree)).filter(change => !isUsers(change.path))
    if (changes.length > 0) {
      const env = await identityEnv(git, options.author)
      await rescueTree(git, request.runId, snapshot.tree, status.head, `Left uncommitted by task ${request.task.id}`, env)
      const links = await restorePaths(git, changes)
      if (links.length > 0) options.warn(`${somePaths(links)}: a repository inside the repository was left as the agent left it`)
    }
    if (snapshot.incomplete) options.warn(`not all that the agent left could be moved away: ${snapshot.incomplete}`)
  } finally {
    dropPrivateIndex(repository.gitDir, run)
  }
}
