import { join } from 'node:path'
import type { WorkspaceRecord } from '../../core/run.ts'
import { adminFolders } from '../../git/checkout/worktree-list.ts'
import { dropPrivateIndex } from '../../git/trees/snapshot.ts'
import { dropIntent } from '../intent.ts'
import { safeRun } from '../kept/rescue.ts'
import type { Place } from '../place.ts'
import { dropSeal, isSealedByOther } from '../seal.ts'
import { noteForOthers } from './other-runs.ts'
import { dropPicture } from './picture.ts'
import { lookOf } from './so-far.ts'

/**
 * Removes the files that a run keeps in the git folders, also those that a kill left. If the run was lost to another agent, it removes
 * nothing: both have it under one id, and the files now belong to the other.
 */
export function dropTraces(place: Place, workspace: WorkspaceRecord | null): void {
  const { repository, request, holder } = place
  const { gitDir, commonDir } = repository
  if (isSealedByOther(commonDir, request.runId, holder)) return
  if (workspace) noteForOthers(commonDir, request.runId, workspace)
  dropPicture(place)
  dropIntent(commonDir, request.runId)
  dropSeal(workspace, commonDir, request.runId)
  const own = !workspace ? [] : workspace.kind === 'clone' ? [join(workspace.path, '.git')] : adminFolders(commonDir, workspace.path)
  for (const folder of [gitDir, commonDir, ...own])
    for (const name of [safeRun(request.runId), lookOf(request.runId)]) dropPrivateIndex(folder, name)
}
