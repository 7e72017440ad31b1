import { join } from 'node:path'
import type { WorkspaceRecord } from '../../core/run.ts'
import { somePaths } from '../../core/text/some-paths.ts'
import { branchAt, realPath, worktreesIn } from '../../git/checkout/worktree-list.ts'
import { type RefPicture, readRefs } from '../../git/refs/ref-picture.ts'
import { keepCommit, keepUnlessPublic } from '../kept/rescue.ts'
import { keepStashed } from '../kept/stashed-work.ts'
import type { Place } from '../place.ts'
import { tellWorktrees } from './further-worktrees.ts'
import { type OtherRuns, otherRuns, othersMoves, othersSettings } from './other-runs.ts'
import { type CheckoutPicture, differences, type Picture, readPicture, seeCheckout, seeOutside } from './picture.ts'
import { readShared, type SharedFiles, sharedChanges } from './shared-files.ts'
import { isJudged } from './steering-files.ts'

const HEADS = 'refs/heads/'
/** How many changes of refs are named one by one. */
const MOST_REFS = 10

/** The repository after the agent, except the agent's own checkout. */
export interface Look {
  before: Picture
  refs: RefPicture
  main: CheckoutPicture | null
  shared: SharedFiles
}

/** Looks at everything that the run's picture shows; null when there is none. Changes nothing. */
export async function lookBeside(place: Place): Promise<Look | null> {
  const before = readPicture(place)
  if (before === null) return null
  const { git, repository, options } = place
  // The agent that works there changes it.
  const isFree = (options.inPlaceHeldBy?.(repository.root) ?? null) === null
  const [refs, main] = await Promise.all([
    readRefs(git, repository),
    before.main && isFree ? seeCheckout(place, repository.root).catch(() => null) : null,
  ])
  return { before, refs, main, shared: readShared(repository) }
}

/**
 * What the run did outside its branch, as sentences: entries of `git stash`, other branches, tags and worktrees, files in the main
 * checkout, settings and hooks of the repository. Work that could get lost is put under `refs/agent-runner/`. Repeating it says and keeps
 * the same.
 */
export async function tellBeside(place: Place, workspace: WorkspaceRecord, branch: string | null, look: Look): Promise<string[]> {
  const { git, repository } = place
  const { before, refs, main, shared } = look
  const others = otherRuns(place)
  const remarks = [
    ...(await tellStash(place, before.stash, refs.stash)),
    ...(await tellRefs(place, [workspace.branch, branch], withInPlace(place, others), look)),
    ...(await tellFurther(place, workspace, before.worktrees, others)),
  ]
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
  const byOthers = new Set(othersMoves(repository.commonDir, place.request.runId).map(({ path }) => path))
  const othersConfig = othersSettings(repository.commonDir, place.request.runId, join(repository.commonDir, 'config'))
  const isTold = (path: string) => byOthers.has(path) || (before.steering !== undefined && isJudged(path, before.steering))
  const settings = (await sharedChanges(git, before.shared, shared, othersConfig)).filter(name => !isTold(join(repository.commonDir, name)))
  if (settings.length > 0)
    remarks.push(
      `The repository's own git settings are not as they were before the agent began: ${somePaths(settings, 5)} in ${repository.commonDir}.`,
    )
  remarks.push(...tellOutside(before.outside))
  return remarks
}

/** Hooks outside of the repository are not the run's to be put back. */
function tellOutside(before: Picture['outside']): string[] {
  const now = before && seeOutside(before.folder)
  if (!before || !now) return []
  const names = [...new Set([...Object.keys(before.files), ...Object.keys(now.files)])]
  const changed = names.filter(name => before.files[name] !== now.files[name])
  if (changed.length === 0) return []
  return [`Hooks in ${before.folder}, which git runs here, are not as they were before the agent began: ${somePaths(changed)}.`]
}

/** The paths that are not as they were: in the picture and no longer, or in it and different, or new. */
export function changedPaths(before: CheckoutPicture, now: CheckoutPicture): string[] {
  const gone = (from: Record<string, string>, to: Record<string, string>) => Object.keys(from).filter(path => !(path in to))
  // A change that a commit has taken up is no longer one.
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

/** A runner of an older version may work in place at this moment. */
function withInPlace({ repository, options }: Place, others: OtherRuns): OtherRuns {
  const branch = options.inPlaceHeldBy?.(repository.root) ? branchAt(repository.gitDir) : null
  return branch === null ? others : { ...others, branches: new Set([...others.branches, branch]) }
}

/** Worktrees that came or went, except those of this run and of others. */
async function tellFurther(place: Place, workspace: WorkspaceRecord, before: string[] | undefined, others: OtherRuns): Promise<string[]> {
  if (before === undefined) return []
  const known = new Set([...before, ...others.paths, realPath(workspace.path)])
  const there = new Set(worktreesIn(place.repository.commonDir).map(({ path }) => path))
  const went = before.filter(path => !there.has(path) && !others.paths.has(path) && path !== realPath(workspace.path))
  const remarks = await tellWorktrees(place, known, 'came while the agent worked')
  return went.length > 0 ? [...remarks, `Worktrees went while the agent worked: ${somePaths(went)}.`] : remarks
}

async function tellStash(place: Place, before: string[], now: string[]): Promise<string[]> {
  const remarks: string[] = []
  const [was, is] = [new Set(before), new Set(now)]
  const came = now.filter(sha => !was.has(sha))
  if (came.length > 0) {
    const kept = await keepStashed(place, came)
    remarks.push(`Work came into \`git stash\` while the agent worked, and is on no branch; it is kept in ${somePaths(kept)} as well.`)
  }
  const went: string[] = []
  for (const sha of before.filter(one => !is.has(one))) went.push(await keepCommit(place.git, place.request.runId, sha))
  if (went.length > 0)
    remarks.push(`What was in \`git stash\` before the agent began is not all there any more; it is kept in ${somePaths(went)}.`)
  return remarks
}

/** Branches, tags and replacements that came, moved or went, except the branches of this run and of others. */
async function tellRefs(place: Place, own: (string | null)[], others: OtherRuns, { before, refs }: Look): Promise<string[]> {
  const isOthers = (ref: string) =>
    ref.startsWith(HEADS) && (own.includes(ref.slice(HEADS.length)) || others.branches.has(ref.slice(HEADS.length)))
  const all = ({ branches, tags = {} }: Pick<Picture, 'branches' | 'tags'>) =>
    new Map([...Object.entries(branches).map(([name, sha]) => [HEADS + name, sha] as const), ...Object.entries(tags)])
  const were = all(before)
  const are = all({ branches: refs.branches, tags: before.tags && refs.tags })
  const changed = [...were].filter(([ref, sha]) => are.get(ref) !== sha && !isOthers(ref))
  const shas = [...new Set(changed.map(([, sha]) => sha))]
  const kept = await keepUnlessPublic(place.git, place.request.runId, shas)
  const remarks = changed.slice(0, MOST_REFS).map(([ref, sha]) => changeSays(ref, sha, are.get(ref), kept.get(sha)))
  const more = changed.slice(MOST_REFS).map(([ref]) => ref)
  if (more.length > 0) remarks.push(`${more.length} more moved or were deleted while the agent worked: ${somePaths(more.map(shown))}.`)
  const made = [...are.keys()].filter(ref => !were.has(ref) && !isOthers(ref))
  const kinds = { branches: 'refs/heads/', tags: 'refs/tags/', replacements: 'refs/replace/' }
  for (const [kind, folder] of Object.entries(kinds)) {
    const names = made.filter(ref => ref.startsWith(folder)).map(ref => ref.slice(folder.length))
    if (names.length > 0) remarks.push(`New ${kind} came while the agent worked: ${somePaths(names, 5)}.`)
  }
  return remarks
}

function changeSays(ref: string, sha: string, now: string | undefined, kept: string | undefined): string {
  const where = kept ? `; what it held is kept in ${kept}` : ''
  const was = sha.slice(0, 12)
  const what = now ? `moved from ${was} to ${now.slice(0, 12)}` : ref.startsWith('refs/tags/') ? `(${was}) was deleted` : 'was deleted'
  return `The ${shown(ref)} ${what} while the agent worked${where}.`
}

function shown(ref: string): string {
  const [, kind, name] = /^refs\/(heads|tags|replace)\/(.+)$/s.exec(ref)!
  return `${kind === 'heads' ? 'branch' : kind === 'tags' ? 'tag' : 'replacement'} ${name}`
}
