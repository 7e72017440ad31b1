import { join } from 'node:path'
import type { WorkspaceRecord } from '../core/run.ts'
import { readStatus, type Status } from '../git/checkout/status.ts'
import type { Git } from '../git/git.ts'
import { branchTip } from '../git/refs/base-commit.ts'
import { isAncestor } from '../git/refs/commits.ts'
import { plainText } from '../machine/files/plain-file.ts'
import { keepLoose } from './kept/rescue.ts'
import { withoutNoise } from './noise.ts'
import type { Place } from './place.ts'
import { findWorkBranch, type Standing } from './work-branch.ts'
import { type CollectedWork, readWork } from './work-report.ts'

/** The commit that a checkout's HEAD last stood at by its own log, or null. */
function lastSeen(gitDir: string): string | null {
  const log = join(gitDir, 'logs', 'HEAD')
  const line = plainText(log)?.trimEnd().split('\n').at(-1)
  // Deleting the branch under HEAD ends the log with zeros; then the side before them counts.
  const [before, after] = line?.split(' ') ?? []
  return [after, before].find(sha => sha !== undefined && /[1-9a-f]/.test(sha)) ?? null
}

/**
 * Reads a checkout, without files that only look changed (`before`: changes from before the agent began). Restores a branch that was
 * deleted under it, at the commit where the checkout last stood: without it a commit would have no history.
 */
export async function readCheckout(
  git: Git,
  gitDir: string,
  workspace: WorkspaceRecord,
  before: Record<string, string> = {},
): Promise<{ status: Status; remarks: string[] }> {
  const read = async () => await withoutNoise(git, await readStatus(git, { ignored: true }), before)
  const status = await read()
  if (status.head !== null || status.branch === null || workspace.base === null) return { status, remarks: [] }
  const seen = lastSeen(gitDir)
  const sha = (seen && (await branchTip(git, seen))) ?? workspace.base
  await git.run(['update-ref', `refs/heads/${status.branch}`, sha, '0'.repeat(sha.length)])
  const remark = `The branch ${status.branch} had been deleted while it was worked on; it is back at ${sha.slice(0, 12)}.`
  return { status: await read(), remarks: [remark] }
}

/**
 * Gives a ref to commits of a checkout that no branch holds: a detached HEAD, the last commit before the branch was moved away, a start
 * that is no longer part of the history. Returns the refs.
 */
export async function keepLooseCommits(
  git: Git,
  gitDir: string,
  runId: string,
  standing: Standing,
  base: string | null,
): Promise<string[]> {
  const { head, branch } = standing
  const seen = lastSeen(gitDir)
  const loose = new Set<string>()
  if (head && branch === null && head !== base) loose.add(head)
  if (seen && seen !== head && seen !== base) loose.add(seen)
  if (base && head && !(await isAncestor(git, base, head))) loose.add(base)
  const refs: string[] = []
  for (const sha of loose) {
    const ref = (await branchTip(git, sha)) === null ? null : await keepLoose(git, runId, sha)
    if (ref) refs.push(ref)
  }
  return refs
}

/** Reports the work of a checkout, wherever the agent left HEAD. */
export async function reportWork(
  place: Place,
  git: Git,
  gitDir: string,
  workspace: WorkspaceRecord,
  standing: Standing,
): Promise<CollectedWork> {
  const { branch, tip, remarks } = await findWorkBranch(place, git, gitDir, workspace, standing)
  // Read first, since the list of commits tells whether the base is still in the history.
  const reading = readWork(git, workspace.base, tip === null ? [] : [tip], place.options.diffBytes)
  await Promise.allSettled([reading])
  for (const ref of await keepLooseCommits(git, gitDir, place.request.runId, standing, workspace.base))
    remarks.push(`Commits that are on no branch were kept in ${ref}.`)
  const work = await reading
  return { ...work, branch, remarks: [...remarks, ...work.remarks] }
}

/**
 * Reports what is left of the work when its folder is gone, `remark` says which. `gitDir`: what the repository still has of its checkout, and `standing`
 * where that stood. Without any commit there is nothing that shows that the work was done.
 */
export async function reportVanished(
  place: Place,
  gitDir: string,
  workspace: WorkspaceRecord,
  standing: Standing,
  remark: string,
): Promise<CollectedWork> {
  const work = await reportWork(place, place.git, gitDir, workspace, standing)
  const report: CollectedWork = { ...work, remarks: [remark, ...work.remarks] }
  const says = `the ${workspace.kind} ${workspace.path} is gone, and no commit of the run is there`
  return work.commits.length > 0 ? report : { ...report, replaced: { what: 'workspace', says } }
}
