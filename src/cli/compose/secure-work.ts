import type { Config } from '../../config/config.ts'
import type { RunRecord } from '../../core/run.ts'
import { commitAuthor, openConfiguredWorkspaces } from './workspaces.ts'

/** Where the work of a run is once nobody works on it any more. */
export interface SecuredWork {
  rescued: string[]
  /** The worktree that stays; null when none is left. */
  kept: string | null
}

/**
 * Secures the work of an unfinished run, as after a failure: a worktree stays and what is uncommitted in it is put under
 * `refs/agent-runner/` as well; in place the agent's changes move there. Throws GIT_FAILED when that cannot be done; then everything is
 * where it was.
 */
export async function secureWork(config: Config, record: RunRecord, warn: (message: string) => void): Promise<SecuredWork> {
  const { rescueCheckout } = await import('../../workspaces/kept/rescue-checkout.ts')
  const { workspace, inherited, runId, task, agent } = record
  // The cleanup puts the content of a clone into the repository.
  const worktree = workspace?.kind === 'worktree' ? workspace : workspace ? null : inherited && { path: inherited.path, base: null }
  const run = { runId, taskId: task.id, base: worktree?.base ?? null }
  const { putBackSteering } = await import('../../workspaces/picture/put-back.ts')
  const { replacedIn } = await import('../../workspaces/seal.ts')
  // Do not run git in a worktree that was exchanged.
  const isOurs = !workspace || replacedIn(workspace, runId) === null
  if (workspace && isOurs) await putBackSteering(workspace, runId)
  const rescued = worktree && isOurs ? await rescueCheckout(worktree.path, run, commitAuthor(config.values)) : []
  if (!workspace) return { rescued, kept: inherited?.path ?? null }
  const workspaces = openConfiguredWorkspaces(config, agent.id, warn)
  const cleaned = await workspaces.cleanup(workspace, { runId, task, agentId: agent.id, inherited }, false)
  return { rescued: [...new Set([...rescued, ...cleaned.rescued])], kept: cleaned.kept }
}
