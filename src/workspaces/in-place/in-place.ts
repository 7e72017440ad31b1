import { existsSync } from 'node:fs'
import { relative, sep } from 'node:path'
import { RunnerError } from '../../core/errors.ts'
import type { WorkspaceRecord } from '../../core/run.ts'
import { somePaths } from '../../core/text/some-paths.ts'
import { flagAgain } from '../../git/checkout/index-flags.ts'
import { conflictsOf, readStatus, type Status, withConflicts } from '../../git/checkout/status.ts'
import type { Git } from '../../git/git.ts'
import { clearStaleLocks } from '../../git/git-at-work.ts'
import { identityEnv } from '../../git/identity.ts'
import { treeOf } from '../../git/refs/commits.ts'
import { unfinishedOperation } from '../../git/repository.ts'
import { dropPrivateIndex, privateIndex, takeSnapshot } from '../../git/trees/snapshot.ts'
import { emptyTree, indexChanges, indexInfo } from '../../git/trees/trees.ts'
import { readCheckout, reportWork } from '../checkout-state.ts'
import { commitWork } from '../commit-work.ts'
import { excludeFolder } from '../exclude.ts'
import { commitTree, safeRun, startRef } from '../kept/rescue.ts'
import { withoutNoise } from '../noise.ts'
import { changedPaths } from '../picture/beside.ts'
import { knownCommits, lookAround, readPicture, seeCheckout, takePicture } from '../picture/picture.ts'
import { gitAt, ownFolders, type Place } from '../place.ts'
import { tellLinks, untrackedRepositories } from '../submodules.ts'
import { placesOf, usersPaths } from '../users-paths.ts'
import type { CollectedWork } from '../work-report.ts'
import { giveBack } from './give-back.ts'
import { moveAway } from './move-away.ts'
import { splitOutUsers } from './split-out.ts'

/** Why a task cannot work in place here, or null. Touches nothing. A repository inside, which git does not know, is in nobody's way. */
export async function obstacleInPlace(place: Place, status: Status): Promise<string | null> {
  const { repository, options } = place
  if (repository.bare) return `${repository.root} is a bare repository: there is no checkout to work in`
  const held = options.inPlaceHeldBy?.(repository.root) ?? null
  if (held !== null) return `the agent ${held} works in place in ${repository.root}`
  const operation = unfinishedOperation(repository.gitDir)
  if (operation) return `a ${operation} is unfinished in ${repository.root}; end it first`
  // Files that the user has hidden from git on purpose must stay uncommitted, and are in nobody's way.
  const shown = status.entries.filter(entry => !entry.hidden && !entry.path.endsWith('/'))
  const dirty = usersChanges(place, { ...status, entries: shown })
  if (dirty.length === 0 || options.dirtyInPlace === 'allow') return null
  return `${repository.root} has uncommitted changes (${somePaths(dirty)}); commit or stash them, or set dirtyInPlace to allow`
}

/** The paths that the user has changed; the folder of our worktrees is not one, nor is our state folder. */
function usersChanges(place: Place, status: Status): string[] {
  const ours = ownFolders(place).map(folder => `${relative(place.repository.root, folder).split(sep).join('/')}/`)
  return status.entries.map(entry => entry.path).filter(path => !ours.some(folder => path.startsWith(folder)))
}

/** Takes the repository's own checkout as the workspace, with a picture of what is the user's. Throws GIT_FAILED when it must not be used. */
export async function prepareInPlace(place: Place, fallback: string | null): Promise<WorkspaceRecord> {
  const { repository, options, request } = place
  const { root, gitDir } = repository
  const git = gitAt(place, root)
  await clearStaleLocks(gitDir, root)
  for (const folder of ownFolders(place)) if (existsSync(folder)) excludeFolder(repository, folder)
  const status = await withoutNoise(git, await readStatus(git, { ignored: true }))
  const obstacle = await obstacleInPlace(place, status)
  if (obstacle) throw new RunnerError('GIT_FAILED', fallback ? `${fallback}; and ${obstacle}` : obstacle)
  const dirtyAtStart = usersChanges(place, status)
  const clean = await treeOf(git, status.head)
  const startTree = dirtyAtStart.length === 0 ? clean : await keepStart()
  const { branch, head: base } = status
  const workspace: WorkspaceRecord = {
    kind: 'in-place',
    repo: root,
    path: root,
    branch,
    base,
    startTree,
    dirtyAtStart,
    continued: true,
    fallback,
  }
  await takePicture(place, workspace, await lookAround(place, true), status)
  return workspace

  /** The user's changes get a ref while an agent works beside them: it might undo them, or clean up the objects. */
  async function keepStart(): Promise<string> {
    try {
      const { tree, incomplete } = await takeSnapshot(git, gitDir, safeRun(request.runId), { repositories: untrackedRepositories(status) })
      if (incomplete) options.warn(`not all uncommitted changes could be read: ${incomplete}`)
      const env = await identityEnv(git, options.author)
      const staged = await keepStaged(tree, env)
      const sha = await commitTree(git, tree, staged ?? status.head, `Uncommitted changes before task ${request.task.id}`, env)
      await git.run(['update-ref', startRef(request.runId), sha])
      return tree
    } finally {
      dropPrivateIndex(gitDir, safeRun(request.runId))
    }
  }

  /** What is staged and not in the files is kept as a commit before theirs. */
  async function keepStaged(tree: string, env: Record<string, string>): Promise<string | null> {
    const head = status.head ?? (await emptyTree(git))
    const index = { GIT_INDEX_FILE: privateIndex(gitDir, safeRun(request.runId)) }
    const unlike = new Set((await indexChanges(git, tree)).map(({ path }) => path))
    const staged = await indexChanges(git, head)
    if (!staged.some(({ path, now }) => now && unlike.has(path))) return null
    await git.run(['read-tree', head], { env: index })
    await git.run(['update-index', '-z', '--index-info'], { env: index, input: indexInfo(staged, 'now') })
    const kept = (await git.run(['write-tree'], { env: index })).trim()
    return await commitTree(git, kept, status.head, `Staged before task ${request.task.id}`, env)
  }
}

const UNSPLIT =
  'What the repository looked like before the agent began is no longer known, so no commit was searched for uncommitted changes of yours.'

/** Commits what the agent changed after a success, never what the user had changed before, and reports what was done. */
export async function collectInPlace(place: Place, workspace: WorkspaceRecord, success: boolean): Promise<CollectedWork> {
  const { repository } = place
  const git = gitAt(place, repository.root)
  const { gitDir } = repository
  await clearStaleLocks(gitDir, repository.root)
  const { status, remarks } = await readCheckout(git, gitDir, workspace)
  const isUsers = usersPaths(workspace.dirtyAtStart)
  let left = status
  if (success) {
    remarks.push(...(await commitAgents(place, git, workspace, status)))
    if (status.entries.length > 0) left = (await readCheckout(git, gitDir, workspace)).status
  } else {
    const open = usersChanges(place, status).filter(path => !isUsers(path))
    if (open.length > 0) remarks.push(`Left uncommitted by the agent: ${somePaths(open)}${withConflicts(status)}.`)
  }
  if (workspace.startTree !== null && workspace.dirtyAtStart.length > 0) {
    const { base, startTree } = workspace
    const picture = readPicture(place)
    const known = picture && knownCommits(picture)
    const users = { isUsers, places: placesOf(workspace.dirtyAtStart) }
    remarks.push(...(known ? await splitOutUsers(place, { git, base, known, ...users, startTree, staged: picture.staged }) : [UNSPLIT]))
    remarks.push(...(await giveBack(place, workspace, left)))
    left = (await readCheckout(git, gitDir, workspace)).status
  }
  await flagAgain(git, readPicture(place)?.flags, left.flagged)
  remarks.push(...(await tellIgnored(place, left)))
  const report = await reportWork(place, git, gitDir, workspace, left)
  remarks.push(...(await tellLinks(git, report.links)))
  return { ...report, remarks: [...remarks, ...report.remarks] }
}

/** Commits the agent's changes, and moves away what is left of them: the next task would refuse the checkout as dirty. */
async function commitAgents(place: Place, git: Git, workspace: WorkspaceRecord, status: Status): Promise<string[]> {
  const { repository, options, request } = place
  const { gitDir } = repository
  const { dirtyAtStart } = workspace
  const { remarks } = await commitWork({ git, gitDir, status, dirtyAtStart, before: {} }, request.runId, request.task, options)
  if (status.entries.length === 0) return remarks
  const { status: after } = await readCheckout(git, gitDir, workspace)
  if (conflictsOf(after).length > 0 || unfinishedOperation(gitDir)) return remarks
  const isUsers = usersPaths(dirtyAtStart)
  const isAgents = (path: string) => !isUsers(path) && !path.endsWith('/')
  const open = after.entries.map(entry => entry.path).filter(isAgents)
  const ref = open.length > 0 ? await moveAway(place, git, after, isAgents, 'Still uncommitted after the commit of') : null
  if (ref) remarks.push(`Changed again by the commit's hooks, or not to be committed: ${somePaths(open)}; kept in ${ref}.`)
  return remarks
}

/** Says which ignored files the agent made, changed or deleted: git shows none of them. */
async function tellIgnored(place: Place, status: Status): Promise<string[]> {
  const before = readPicture(place)?.workspace
  if (!before) return []
  const now = await seeCheckout(place, place.repository.root, status)
  const paths = changedPaths({ ...before, changed: {} }, { ...now, changed: {} })
  return paths.length > 0 ? [`Ignored files that came, changed or went while the agent worked: ${somePaths(paths)}.`] : []
}
