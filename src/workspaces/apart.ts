import { existsSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { RunnerError } from '../core/errors.ts'
import type { WorkspaceRecord } from '../core/run.ts'
import { asGitFailure } from '../git/failures.ts'
import { isNoRoom } from '../git/full-disk.ts'
import { chooseClone, hasClone, prepareClone } from './clone/clone.ts'
import { readIntent } from './intent.ts'
import type { Place } from './place.ts'
import { prepareWorktree } from './worktree/worktree.ts'
import { chooseWorktree } from './worktree/worktree-choice.ts'

/** A planned workspace; nothing is there yet. */
export interface Planned {
  kind: 'worktree' | 'clone'
  path: string
  branch: string | null
  base: string | null
  remark: string | null
}

/**
 * Makes a separate workspace for a task: a worktree or, where git cannot make one and `onWorktreeFailure` says so, a clone. A clone that
 * this run, or a failed run of the task, has begun is continued. Throws GIT_FAILED with the reasons against both.
 */
export async function prepareApart(place: Place, hurry?: AbortSignal): Promise<WorkspaceRecord> {
  const mayClone = place.options.onWorktreeFailure === 'clone' && place.state !== null
  const against = obstacleTo(place)
  if (against !== null && mayClone) return await prepareClone(place, against)
  try {
    if (against !== null) throw new RunnerError('GIT_FAILED', against)
    return await prepareWorktree(place)
  } catch (thrown) {
    const failure = asGitFailure(thrown)
    if (!mayClone || hurry?.aborted || !isWorthAClone(place, failure)) throw failure
    return await prepareClone(place, `no worktree could be made (${failure.message})`).catch(further => {
      const second = asGitFailure(further)
      if (second.code !== 'GIT_FAILED' || second.message === failure.message) throw second
      throw new RunnerError('GIT_FAILED', `${failure.message}; and no clone could be made: ${second.message}`, { cause: further })
    })
  }
}

/** What `prepareApart` would do, as far as can be seen without touching anything. */
export async function planApart(place: Place): Promise<Planned> {
  const mayClone = place.options.onWorktreeFailure === 'clone' && place.state !== null
  const against = obstacleTo(place)
  if (against !== null && mayClone) return planned(await chooseClone(place, against))
  if (against !== null) throw new RunnerError('GIT_FAILED', against)
  try {
    return planned((await chooseWorktree(place)).choice)
  } catch (thrown) {
    const failure = asGitFailure(thrown)
    if (!mayClone || failure.code !== 'GIT_FAILED') throw failure
    return planned(await chooseClone(place, failure.message))
  }
}

function planned({ kind, path, branch, base, remark }: Planned): Planned {
  return { kind, path, branch, base, remark }
}

/** Why it is to be a clone from the start, or null. */
function obstacleTo(place: Place): string | null {
  const { commonDir } = place.repository
  const intent = readIntent(commonDir, place.request.runId)
  if (intent?.kind === 'clone' || hasClone(place)) return 'the work was begun in a clone'
  const folder = statSync(join(commonDir, 'worktrees'), { throwIfNoEntry: false })
  return folder && !folder.isDirectory() ? `git can make no worktree here (${join(commonDir, 'worktrees')} is not a folder)` : null
}

/** A full disk is no fault of the worktree, unless the clone would be on another one. */
function isWorthAClone({ base, state }: Place, failure: RunnerError): boolean {
  return isNoRoom(failure) ? deviceOf(base) !== deviceOf(state!) : failure.code === 'GIT_FAILED'
}

function deviceOf(path: string): number {
  return existsSync(path) || dirname(path) === path ? statSync(path).dev : deviceOf(dirname(path))
}
