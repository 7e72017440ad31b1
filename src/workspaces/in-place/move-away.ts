import { somePaths } from '../../core/text/some-paths.ts'
import type { Status } from '../../git/checkout/status.ts'
import type { Git } from '../../git/git.ts'
import { identityEnv } from '../../git/identity.ts'
import { restorePaths } from '../../git/trees/restore.ts'
import { dropPrivateIndex, takeSnapshot } from '../../git/trees/snapshot.ts'
import { emptyTree, treeChanges } from '../../git/trees/trees.ts'
import { rescueTree, safeRun } from '../kept/rescue.ts'
import type { Place } from '../place.ts'
import { untrackedRepositories } from '../submodules.ts'

/**
 * Moves what is uncommitted in the repository's own checkout, of the paths that `isToGo` names, to `refs/agent-runner/`. `why` begins the
 * sentence that ends with the task. Returns the ref, or null when there was nothing to move.
 */
export async function moveAway(
  place: Place,
  git: Git,
  status: Status,
  isToGo: (path: string) => boolean,
  why: string,
): Promise<string | null> {
  const { repository, request, options } = place
  const run = safeRun(request.runId)
  try {
    const snapshot = await takeSnapshot(git, repository.gitDir, run, { repositories: untrackedRepositories(status) })
    const head = status.head ?? (await emptyTree(git))
    const changes = (await treeChanges(git, head, snapshot.tree)).filter(change => isToGo(change.path))
    if (snapshot.incomplete) options.warn(`not all that the agent left could be moved away: ${snapshot.incomplete}`)
    if (changes.length === 0) return null
    const env = await identityEnv(git, options.author)
    const ref = await rescueTree(git, request.runId, snapshot.tree, status.head, `${why} task ${request.task.id}`, env)
    const links = await restorePaths(git, changes)
    if (links.length > 0) options.warn(`${somePaths(links)}: a repository inside the repository was left as the agent left it`)
    return ref
  } finally {
    dropPrivateIndex(repository.gitDir, run)
  }
}
