import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { somePaths } from '../../core/text/some-paths.ts'
import type { Status } from '../../git/checkout/status.ts'
import type { Git } from '../../git/git.ts'
import { identityEnv } from '../../git/identity.ts'
import { unfinishedOperation } from '../../git/repository.ts'
import { dropPrivateIndex, type Snapshot, takeSnapshot } from '../../git/trees/snapshot.ts'
import { hiddenFiles } from '../hidden-files.ts'
import { gitAt, type Place } from '../place.ts'
import { nestedWork, strayLinks, submodulePaths, untrackedRepositories } from '../submodules.ts'
import { rescueTree, safeRun } from './rescue.ts'

/** What was put under `refs/agent-runner/` of a checkout that may go. */
export interface KeptCheckout {
  /** Null when nothing in it would be lost. */
  ref: string | null
  /** The ignored files that are in it. */
  ignored: string[]
  /** Repositories in the checkout with work of their own. Their files are in it; their history is only where it is. */
  nested: string[]
  /** Those that have none, but for submodules. */
  plain: string[]
  /** Why the checkout must stay; null when all that it holds is kept. */
  obstacle: string | null
}

/**
 * A picture of a checkout that stays, with the files of repositories inside that hold work of their own, but without ignored files.
 * `incomplete` names their history and what was too large.
 */
export async function pictureOf(git: Git, gitDir: string, run: string, status: Status): Promise<Snapshot> {
  const untracked = untrackedRepositories(status)
  const inside = await hiddenFiles(
    git.cwd,
    [...untracked, ...(await strayLinks(git, status))].map(path => `${path}/`),
  )
  const snapshot = await takeSnapshot(git, gitDir, run, { repositories: untracked, hidden: [...inside.files.keys()] })
  return { ...snapshot, incomplete: inside.incomplete ?? snapshot.incomplete }
}

/**
 * Puts everything that would be lost with a checkout's folder under `refs/agent-runner/`: uncommitted files, ignored files except build
 * caches and those that `isKnown` says were there before, and the files of repositories inside.
 */
export async function keepCheckout(
  place: Place,
  gitDir: string,
  path: string,
  status: Status,
  isKnown: (path: string, stamp: string) => boolean,
): Promise<KeptCheckout> {
  const { request, options } = place
  const git = gitAt(place, path)
  const run = safeRun(request.runId)
  const untracked = untrackedRepositories(status)
  const ignored = await hiddenFiles(path, status.ignored, isKnown)
  const repositories = [...new Set([...status.links, ...untracked, ...ignored.repositories])].filter(one =>
    existsSync(join(path, one, '.git')),
  )
  const nested = await nestedWork(git, repositories)
  const submodules = repositories.length > 0 ? await submodulePaths(git) : new Set()
  const [withWork, passedOver] = [new Set(nested), new Set(ignored.repositories)]
  const plain = repositories.filter(one => !withWork.has(one) && !submodules.has(one))
  // A clone without work of its own can be made again. A submodule stays a link, and its folder stays.
  const strange = nested.filter(one => !submodules.has(one) && !passedOver.has(one))
  const inside = await hiddenFiles(
    path,
    strange.map(one => `${one}/`),
  )
  const hidden = [...new Set([...ignored.files.keys(), ...inside.files.keys()])]
  const kept: KeptCheckout = { ref: null, ignored: [...ignored.files.keys()], nested, plain, obstacle: null }
  // Deleted files alone are no work: their contents are in HEAD. An interrupted removal looks like that.
  const open = status.entries.some(entry => entry.kind !== 'gone' && !entry.path.endsWith('/'))
  if (open || hidden.length > 0 || unfinishedOperation(gitDir)) {
    try {
      const snapshot = await takeSnapshot(git, gitDir, run, { repositories: untracked, hidden })
      const why = `${open ? 'Left uncommitted' : 'Ignored files'} by task ${request.task.id}`
      kept.ref = await rescueTree(git, request.runId, snapshot.tree, status.head, why, await identityEnv(git, options.author))
      if (snapshot.incomplete) kept.obstacle = `not all of it could be kept: ${snapshot.incomplete}`
    } finally {
      dropPrivateIndex(gitDir, run)
    }
  }
  if (status.closed.length > 0) kept.obstacle ??= `git cannot look into ${somePaths(status.closed)}`
  if (ignored.incomplete) kept.obstacle ??= `not all ignored files could be kept: ${ignored.incomplete}`
  if (nested.length > 0) {
    const part = inside.incomplete ? `, and not all of their files are kept: ${inside.incomplete}` : ''
    kept.obstacle ??= `there are repositories with work of their own in it: ${somePaths(nested)}${part}`
  }
  return kept
}
