import type { WorkspaceRecord } from '../../core/run.ts'
import { flagAgain } from '../../git/checkout/index-flags.ts'
import { conflictsOf } from '../../git/checkout/status.ts'
import { clearStaleLocks } from '../../git/git-at-work.ts'
import { unfinishedOperation } from '../../git/repository.ts'
import { quitOperation } from '../../git/trees/restore.ts'
import { keepLooseCommits, readCheckout } from '../checkout-state.ts'
import { startRef } from '../kept/rescue.ts'
import { readPicture } from '../picture/picture.ts'
import { gitAt, type Place } from '../place.ts'
import { usersPaths } from '../users-paths.ts'
import { giveBack, touchedPaths } from './give-back.ts'
import { moveAway } from './move-away.ts'

/**
 * Releases the repository's checkout. After a failure, or when a merge or the like is unfinished, the agent's uncommitted changes move to
 * `refs/agent-runner/`; its commits stay on the branch, and the user's own paths are never touched. A clean checkout goes back to the
 * branch that it was on.
 */
export async function cleanupInPlace(place: Place, workspace: WorkspaceRecord, success: boolean): Promise<void> {
  const { repository, request, options } = place
  const git = gitAt(place, repository.root)
  await clearStaleLocks(repository.gitDir, repository.root)
  const { status } = await readCheckout(git, repository.gitDir, workspace)
  const touched = await touchedPaths(place, workspace, status)
  if (workspace.dirtyAtStart.length > 0 && touched.length === 0) await git.ask(['update-ref', '-d', startRef(request.runId)])
  await keepLooseCommits(git, repository.gitDir, request.runId, status, workspace.base)
  // A success does not leave a merge in the way of the next task either.
  const asItIs = success && unfinishedOperation(repository.gitDir) === null && conflictsOf(status).length === 0
  let after = status
  const isUsers = usersPaths(workspace.dirtyAtStart)
  if (!asItIs) {
    const isAgents = (path: string) => !isUsers(path) && !path.endsWith('/')
    // Do this more than once: without the agent's own .gitignore, files that it had hidden may appear.
    for (let round = 0; round < 3 && after.entries.some(entry => isAgents(entry.path)); round++) {
      await moveAway(place, git, after, isAgents, 'Left uncommitted by')
      after = (await readCheckout(git, repository.gitDir, workspace)).status
    }
    await quitOperation(git, repository.gitDir)
    await flagAgain(git, readPicture(place)?.flags, after.flagged)
  }
  if (workspace.branch === null || after.branch === workspace.branch) return
  // The user's changes go along, or git refuses.
  if (
    after.entries.every(({ path }) => path.endsWith('/') || isUsers(path)) &&
    (await git.ask(['checkout', '--quiet', workspace.branch, '--'], { hooks: true })) !== null
  ) {
    options.warn(`the agent had left ${repository.root} on ${after.branch ?? 'a detached HEAD'}; it is back on ${workspace.branch}`)
    if (touched.length > 0) await giveBack(place, workspace, (await readCheckout(git, repository.gitDir, workspace)).status)
  } else options.warn(`the agent left ${repository.root} on ${after.branch ?? 'a detached HEAD'} instead of ${workspace.branch}`)
}
