import { readFileSync } from 'node:fs'
import { join, sep } from 'node:path'
import type { WorkspaceRecord } from '../core/run.ts'
import { type CheckoutPicture, differences, type Picture, readPicture, seeCheckout } from './picture.ts'
import { ownFolders, type Place } from './place.ts'
import { type RefPicture, readRefs } from './ref-picture.ts'
import { keepCommit, keepUnlessPublic } from './rescue.ts'
import { readShared, type SharedFiles, sharedChanges } from './shared-files.ts'
import { keepStashed } from './stashed-work.ts'
import { somePaths } from './users-paths.ts'
import { allAdmins } from './worktree-list.ts'

/** A repository as it stands after the agent, beside the agent's own checkout. */
export interface Look {
  before: Picture
  refs: RefPicture
  main: CheckoutPicture | null
  shared: SharedFiles
}

/** Looks at all that the run's picture shows; null when there is none. Changes nothing. */
export async function lookBeside(place: Place): Promise<Look | null> {
  const before = readPicture(place)
  if (before === null) return null
  const { git, repository, options } = place
  // Who works there changes it.
  const isFree = (options.inPlaceHeldBy?.(repository.root) ?? null) === null
  const [refs, main, shared] = await Promise.all([
    readRefs(git, repository),
    before.main && isFree ? seeCheckout(place, repository.root).catch(() => null) : null,
    readShared(repository),
  ])
  return { before, refs, main, shared }
}

/**
 * What the run did beside its branch, as sentences: what is in `git stash`, commits on other branches, files in the main checkout, settings and
 * hooks of the repository. What of it may get lost is put under `refs/agent-runner/`. Repeating it says and keeps the same.
 */
export async function tellBeside(place: Place, workspace: WorkspaceRecord, branch: string | null, look: Look): Promise<string[]> {
  const { git, repository } = place
  const { before, refs, main, shared } = look
  const remarks = [...(await tellStash(place, before.stash, refs.stash)), ...(await tellBranches(place, [workspace.branch, branch], look))]
  if (before.main && main) {
    if (before.main.branch !== main.branch)
      remarks.push(
        `The repository's own checkout ${repository.root} was on ${before.main.branch ?? 'no branch'} before the agent began, and is on ${main.branch ?? 'no branch'} now.`,
      )
    const paths = changedPaths(before.main, main)
    if (paths.length > 0)
      remarks.push(
        `Not as it was before the agent began, in the repository's own checkout ${repository.root}: ${somePaths(paths)}. The agent wrote there, or somebody else did.`,
      )
  }
  remarks.push(...(readPicture(place)?.putBack ?? []))
  const settings = await sharedChanges(git, before.shared, shared)
  if (settings.length > 0)
    remarks.push(
      `The repository's own git settings are not as they were before the agent began: ${somePaths(settings, 5)} in ${repository.commonDir}.`,
    )
  return remarks
}

/** The paths that are not as they were: in the picture and no longer, or in it and different, or new. */
export function changedPaths(before: CheckoutPicture, now: CheckoutPicture): string[] {
  const gone = (from: Record<string, string>, to: Record<string, string>) => Object.keys(from).filter(path => !(path in to))
  // What a commit took up is no longer a change.
  const undone = before.head === now.head ? gone(before.changed, now.changed) : []
  return [
    ...new Set([
      ...differences(before.changed, now.changed),
      ...undone,
      ...differences(before.ignored, now.ignored),
      ...gone(before.ignored, now.ignored),
    ]),
  ]
}

async function tellStash(place: Place, before: string[], now: string[]): Promise<string[]> {
  const remarks: string[] = []
  const came = now.filter(sha => !before.includes(sha))
  if (came.length > 0) {
    const kept = await keepStashed(place, came)
    remarks.push(`Work came into \`git stash\` while the agent worked, and is on no branch; it is kept in ${somePaths(kept)} as well.`)
  }
  const went: string[] = []
  for (const sha of before.filter(one => !now.includes(one))) went.push(await keepCommit(place.git, place.request.runId, sha))
  if (went.length > 0)
    remarks.push(`What was in \`git stash\` before the agent began is not all there any more; it is kept in ${somePaths(went)}.`)
  return remarks
}

async function tellBranches(place: Place, own: (string | null)[], { before, refs }: Look): Promise<string[]> {
  const { git, request } = place
  const remarks: string[] = []
  const others = branchesOfOthers(place)
  const isOthers = (name: string) => own.includes(name) || others.has(name)
  for (const [name, sha] of Object.entries(before.branches)) {
    const now = refs.branches[name]
    if (now === sha || isOthers(name)) continue
    const lost = await keepUnlessPublic(git, request.runId, sha)
    const where = lost ? `; what it held is kept in ${lost}` : ''
    if (now) remarks.push(`The branch ${name} moved from ${sha.slice(0, 12)} to ${now.slice(0, 12)} while the agent worked${where}.`)
    else if (lost) remarks.push(`The branch ${name} was deleted while the agent worked${where}.`)
  }
  // The branches of other runs come and go all the time.
  const made = Object.keys(refs.branches).filter(name => !(name in before.branches) && !isOthers(name) && !/^feature\/task-/.test(name))
  if (made.length > 0) remarks.push(`New branches came while the agent worked: ${somePaths(made)}.`)
  return remarks
}

/** The branches that are checked out where other runs work. */
function branchesOfOthers(place: Place): Set<string> {
  const { repository, options } = place
  const found = new Set<string>()
  for (const admin of allAdmins(repository.commonDir))
    if (ownFolders(place).some(folder => firstLine(join(admin, 'gitdir')).startsWith(folder + sep))) found.add(branchIn(admin))
  if (options.inPlaceHeldBy?.(repository.root)) found.add(branchIn(repository.gitDir))
  return found
}

const branchIn = (gitDir: string) => firstLine(join(gitDir, 'HEAD')).replace(/^ref: refs\/heads\//, '')

function firstLine(file: string): string {
  try {
    return readFileSync(file, 'utf8').split('\n')[0]!
  } catch {
    return ''
  }
}
