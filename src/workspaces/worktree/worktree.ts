import type { WorkspaceRecord } from '../../core/run.ts'
import { somePaths } from '../../core/text/some-paths.ts'
import { liftFlags } from '../../git/checkout/index-flags.ts'
import { conflictsOf, type Status, withConflicts } from '../../git/checkout/status.ts'
import { adminFolders, completeAdminFolders } from '../../git/checkout/worktree-list.ts'
import { isNoRoom } from '../../git/full-disk.ts'
import type { Git } from '../../git/git.ts'
import { clearRefLock, gitAtWork, waitForGit } from '../../git/git-at-work.ts'
import { branchTip } from '../../git/refs/base-commit.ts'
import { isNoRef } from '../../git/refs/ref-picture.ts'
import { hasHooks } from '../../git/repository.ts'
import { readCheckout, reportVanished, reportWork } from '../checkout-state.ts'
import { commitWork } from '../commit-work.ts'
import { excludeFolder } from '../exclude.ts'
import { dropIntent, writeIntent } from '../intent.ts'
import { keepCheckout } from '../kept/keep-checkout.ts'
import { changedBefore, knownBefore, lookAround, takePicture } from '../picture/picture.ts'
import { gitAt, ownFolders, type Place } from '../place.ts'
import { initSubmodules, tellLinks, withSources } from '../submodules.ts'
import { standingOf } from '../work-branch.ts'
import type { CollectedWork } from '../work-report.ts'
import { chooseWorktree, type WorktreeChoice } from './worktree-choice.ts'
import { mendWorktree, PATIENCE_MS, readLock, wholeWorktree } from './worktree-repair.ts'

/** Makes the run's worktree, or finds it as it was left. Throws GIT_FAILED when git leaves no usable one. */
export async function prepareWorktree(configured: Place): Promise<WorkspaceRecord> {
  const { options, repository } = configured
  completeAdminFolders(repository.commonDir, path => gitAtWork(path) !== null)
  const { choice, place } = await chooseWorktree(configured)
  for (const folder of ownFolders(place)) excludeFolder(repository, folder)
  // Looked at while git makes the worktree.
  const around = lookAround(place)
  around.catch(() => {})
  if (choice.vanished) await mendWorktree(place, choice.vanished, choice.base)
  const initializing = adminFolders(repository.commonDir, choice.path).some(admin => readLock(admin) === 'initializing')
  // Its files are there, but a git of an earlier runner may still run the post-checkout hook.
  if (choice.there && initializing) await waitForGit(choice.path, PATIENCE_MS)
  if (!choice.there || !(await wholeWorktree(place, choice.path))) await addUnderSomeName(place, choice)
  const trouble = await initSubmodules(gitAt(place, choice.path))
  if (trouble) options.warn(trouble)
  const { path, branch, base, continued, remark: fallback } = choice
  const none = { startTree: null, dirtyAtStart: [] }
  const workspace: WorkspaceRecord = { kind: 'worktree', repo: repository.root, path, branch, base, ...none, continued, fallback }
  await takePicture(place, workspace, await around)
  return workspace
}

/** Tries the chosen branch name, then ours; updates the choice with the result. */
async function addUnderSomeName(place: Place, choice: WorktreeChoice): Promise<void> {
  const { git, options, request, repository } = place
  let refusal: unknown
  for (const name of [choice.branch, ...choice.otherNames]) {
    if (refusal !== undefined) {
      if (name === choice.branch) continue
      choice.remark = `git refused the branch ${choice.branch} (${(refusal as Error).message}), so the work goes on from it on ${name}`
      Object.assign(choice, { branch: name, continued: false })
    }
    const { path, branch, base, continued, remark } = choice
    writeIntent(repository.commonDir, request.runId, { kind: 'worktree', path, branch, base, continued, remark })
    // Wait for git's answer while looking for what is in the way.
    const tip = async () => ((await isNoRef(repository, `refs/heads/${branch}`)) ? null : await branchTip(git, `refs/heads/${branch}`))
    const [whole, there] = await Promise.all([mendWorktree(place, path, base), tip()])
    if (whole) return
    await clearRefLock(repository.commonDir, path, `refs/heads/${branch}`)
    try {
      const what = there ? [path, branch] : ['--no-track', '-b', branch, path, base]
      await git.run(['worktree', 'add', '--quiet', ...what], { slow: true, hooks: hasHooks(repository) })
      return
    } catch (failure) {
      // Another name finds no more room. The intent stays, so that the repetition recognises its own work.
      if (isNoRoom(failure)) throw failure
      // A post-checkout hook that fails, or hangs until it is stopped, comes after a worktree that is whole.
      if (adminFolders(repository.commonDir, path).length > 0 && (await mendWorktree(place, path, base))) {
        options.warn(`the worktree is there, but not all went well: ${(failure as Error).message}`)
        return
      }
      refusal ??= failure
      // The branch could be made, so another name would not help. It goes again, unless somebody has moved it.
      if (!there && (await branchTip(git, `refs/heads/${branch}`))) {
        await git.ask(['update-ref', '-d', `refs/heads/${branch}`, base])
        break
      }
    }
  }
  dropIntent(repository.commonDir, request.runId)
  throw refusal
}

/** Commits what is uncommitted after a success, and reports what was done on the branch. What would go with the worktree is kept apart. */
export async function collectWorktree(place: Place, workspace: WorkspaceRecord, success: boolean): Promise<CollectedWork> {
  const { git } = place
  const gitDir = await wholeWorktree(place, workspace.path)
  if (!gitDir) {
    const admin = adminFolders(place.repository.commonDir, workspace.path)[0]
    const remark = `There is no worktree in ${workspace.path} any more; only what was committed is reported.`
    const standing = admin ? await standingOf(git, admin) : { head: null, branch: null }
    return await reportVanished(place, admin ?? place.repository.gitDir, workspace, standing, remark)
  }
  return await collectCheckout(place, gitAt(place, workspace.path), gitDir, workspace, success)
}

/** The same for any checkout that is the run's alone. */
export async function collectCheckout(
  place: Place,
  at: Git,
  gitDir: string,
  workspace: WorkspaceRecord,
  success: boolean,
): Promise<CollectedWork> {
  const { options, request } = place
  const before = changedBefore(place)
  const { status, remarks } = await readCheckout(at, gitDir, workspace, before)
  // Files that were changed before the agent began stay.
  await liftFlags(
    at,
    status.flagged.filter(({ path }) => !(path in before)),
  )
  let left = status
  if (success && status.entries.length > 0) {
    const committed = await commitWork({ git: at, gitDir, status, dirtyAtStart: [], before }, request.runId, request.task, options)
    remarks.push(...committed.remarks)
    left = committed.left ?? (await readCheckout(at, gitDir, workspace, before)).status
  }
  if (!success && status.entries.length > 0) {
    remarks.push(`Uncommitted in ${workspace.path}: ${somePaths(status.entries.map(entry => entry.path))}${withConflicts(status)}.`)
  }
  const report = await reportWork(place, at, gitDir, workspace, left)
  remarks.push(...(await tellLinks(at, report.links)))
  if (success) remarks.push(...(await tellKept(place, gitDir, workspace, left)))
  return { ...report, remarks: [...remarks, ...report.remarks] }
}

/** Keeps what the removal of the worktree would delete, and says what that is. */
async function tellKept(place: Place, gitDir: string, { kind, path }: WorkspaceRecord, status: Status): Promise<string[]> {
  const at = gitAt(place, path)
  const kept = await keepCheckout(place, gitDir, path, status, knownBefore(place))
  const remarks: string[] = []
  const open = status.entries.filter(entry => !entry.path.endsWith('/')).map(entry => entry.path)
  if (kept.ref && open.length > 0 && conflictsOf(status).length === 0)
    remarks.push(`Changed again by the commit's hooks, or not to be committed: ${somePaths(open)}; kept in ${kept.ref}.`)
  if (kept.ref && kept.ignored.length > 0) remarks.push(`Ignored files of the run are kept in ${kept.ref}: ${somePaths(kept.ignored)}.`)
  if (kept.plain.length > 0) {
    const what = kept.obstacle ? `stay in the ${kind}` : `go with the ${kind} and can be cloned again`
    remarks.push(`Repositories inside without work of their own ${what}: ${somePaths(await withSources(at, kept.plain))}.`)
  }
  if (kept.obstacle) remarks.push(`The ${kind} ${path} stays: ${kept.obstacle}.`)
  return remarks
}
