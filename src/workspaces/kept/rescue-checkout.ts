import { existsSync } from 'node:fs'
import { RunnerError } from '../../core/errors.ts'
import { identityEnv } from '../../git/identity.ts'
import { unfinishedOperation } from '../../git/repository.ts'
import { dropPrivateIndex } from '../../git/trees/snapshot.ts'
import { keepLooseCommits } from '../checkout-state.ts'
import { openCheckout } from './checkout.ts'
import { pictureOf } from './keep-checkout.ts'
import { listRescued, rescueTree, safeRun } from './rescue.ts'

/**
 * Puts work of a worktree that is in no commit of a branch under `refs/agent-runner/`, and leaves the worktree as it is. Returns the
 * run's refs; none when there is no checkout. Repeating it adds nothing. Throws GIT_FAILED when something could not be kept; then it is
 * still in the worktree.
 */
export async function rescueCheckout(
  path: string,
  run: { runId: string; taskId: string; base: string | null },
  author: { name: string; email: string } | null,
): Promise<string[]> {
  const found = existsSync(path) ? await openCheckout(path, 300_000) : null
  if (!found) return []
  const { git, repository, status } = found
  const { gitDir } = repository
  const name = safeRun(run.runId)
  // Deleted files alone are no work: their contents are in HEAD.
  if (unfinishedOperation(gitDir) || status.entries.some(entry => entry.kind !== 'gone')) {
    try {
      const { tree, incomplete } = await pictureOf(git, gitDir, name, status)
      await rescueTree(git, run.runId, tree, status.head, `Left uncommitted by task ${run.taskId}`, await identityEnv(git, author))
      if (incomplete) throw new RunnerError('GIT_FAILED', `not all of what is uncommitted in ${path} could be kept: ${incomplete}`)
    } finally {
      dropPrivateIndex(gitDir, name)
    }
  }
  await keepLooseCommits(git, gitDir, run.runId, status, run.base)
  return (await listRescued(git, run.runId)).map(one => one.ref)
}
