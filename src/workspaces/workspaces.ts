import { existsSync, realpathSync } from 'node:fs'
import { resolve } from 'node:path'
import { RunnerError } from '../core/errors.ts'
import type { WorkspaceRequest, Workspaces } from '../core/ports/workspaces.ts'
import { agentMark, type WorkspaceRecord } from '../core/run.ts'
import { withoutHooks } from '../git/checkout/foreign.ts'
import { readStatus } from '../git/checkout/status.ts'
import { realPath } from '../git/checkout/worktree-list.ts'
import { asGitFailure } from '../git/failures.ts'
import { openGit } from '../git/git.ts'
import { findRepository } from '../git/repository.ts'
import { planApart, prepareApart } from './apart.ts'
import { collectClone, isUntouchedClone, prepareClone, removeClone, secureClone } from './clone/clone.ts'
import { collectInPlace, obstacleInPlace, prepareInPlace } from './in-place/in-place.ts'
import { cleanupInPlace } from './in-place/in-place-cleanup.ts'
import { listedBeside, listRescued, type Rescued, startRef } from './kept/rescue.ts'
import { withoutNoise } from './noise.ts'
import type { WorkspaceOptions } from './options.ts'
import { lookBeside, tellBeside } from './picture/beside.ts'
import { putBackSteering, steeringOf } from './picture/put-back.ts'
import { collectReplaced, leaveReplaced } from './picture/replaced.ts'
import { diffSoFar } from './picture/so-far.ts'
import { dropTraces } from './picture/traces.ts'
import type { Place } from './place.ts'
import { replacedIn, sealed } from './seal.ts'
import { dropUnusedBranch, isUntouched } from './untouched.ts'
import { collectWorktree, prepareWorktree } from './worktree/worktree.ts'
import { isWorktreeOf } from './worktree/worktree-choice.ts'
import { removeWorktree } from './worktree/worktree-removal.ts'

export type { WorkspaceOptions } from './options.ts'

/** The workspaces of one repository: in place for minor tasks, a worktree (else a clone) for major ones. Opening does no work. */
export function openWorkspaces(options: WorkspaceOptions): Workspaces {
  const workspaces: Omit<Workspaces, 'ready'> = {
    async plan(request) {
      const place = await open(request)
      if (!place) return { kind: 'in-place', path: realpathSync.native(options.repo), branch: null, base: null, remark: noGit(request) }
      const wish = wishFor(place)
      if (wish.apart) {
        try {
          const planned = await planApart(place)
          return { ...planned, remark: planned.remark ?? wish.reason }
        } catch (failure) {
          const { message } = asGitFailure(failure)
          if (!mayFallBack(place)) return { kind: 'worktree', path: place.base, branch: null, base: null, remark: message }
          wish.reason = message
        }
      }
      const status = await withoutNoise(place.git, await readStatus(place.git))
      const remark = (await obstacleInPlace(place, status)) ?? wish.reason
      return { kind: 'in-place', path: place.repository.root, branch: status.branch, base: status.head, remark }
    },

    async prepare(request, hurry) {
      const place = await open(request, options.repo, hurry)
      if (!place) return withoutGit(request)
      let wish = wishFor(place)
      if (!wish.apart) {
        try {
          return sealedIn(place, await prepareInPlace(place, null))
        } catch (failure) {
          // Another agent may have been quicker: then the task gets a worktree, as if that agent had been there before.
          wish = wishFor(place)
          if (!wish.apart) throw failure
        }
      }
      try {
        const workspace = await prepareApart(place, hurry)
        const fallback = [wish.reason, workspace.fallback].filter(Boolean).join('; ') || null
        return sealedIn(place, { ...workspace, fallback })
      } catch (failure) {
        const { code, message } = asGitFailure(failure)
        if (code !== 'GIT_FAILED' || hurry?.aborted || !mayFallBack(place)) throw failure
        const workspace = await prepareInPlace(place, message)
        options.warn(`no worktree could be made, so the task works in place: ${message}`)
        return sealedIn(place, workspace)
      }
    },

    async restore(workspace, request) {
      await putBackSteering(workspace, request.runId)
      if (workspace.kind === 'in-place' || existsSync(workspace.path)) return workspace
      const place = await open(request, workspace.repo)
      if (!place) throw new RunnerError('GIT_FAILED', `${workspace.path} is gone, and ${workspace.repo} is no repository`)
      const { path, branch } = await (workspace.kind === 'clone' ? prepareClone(place, 'its clone was gone') : prepareWorktree(place))
      options.warn(`${workspace.path} was gone: the work goes on in ${path} with what is on ${branch}`)
      return sealedIn(place, { ...workspace, path, branch })
    },

    async collect(workspace, request, success) {
      const replaced = replacedIn(workspace, request.runId)
      if (replaced) return await collectReplaced(() => reopen(request, workspace), workspace, replaced)
      const place = await reopen(request, workspace)
      if (!place) {
        const remarks = ['The folder is no git repository, so what was changed cannot be told.']
        return { branch: null, commits: [], files: [], diff: '', rescued: [], remarks }
      }
      const collect = { worktree: collectWorktree, clone: collectClone, 'in-place': collectInPlace }[workspace.kind]
      const listed = await listedBeside(place, async () => {
        const collecting = collect(place, workspace, success)
        // A clone brings its branches into the repository, and in place branches may be written anew. The report tells the state after
        // that.
        if (workspace.kind !== 'worktree') await collecting
        const [{ links: _, ...work }, look] = await Promise.all([collecting, lookBeside(place)])
        const beside = look ? await tellBeside(place, workspace, work.branch, look) : []
        return { ...work, remarks: [...work.remarks, ...beside] }
      })
      const report = listed.done
      const rescued = listed.rescued.map(one => one.ref)
      const startNamed = report.remarks.some(remark => remark.includes(startRef(request.runId)))
      return { ...report, rescued: rescued.filter(ref => startNamed || ref !== startRef(request.runId)) }
    },

    async diffSoFar(workspace, request) {
      if ((await steeringOf(workspace, request.runId)).length > 0) return null
      const place = await open(request, workspace.repo)
      // What the agent has made of the hooks is put back when it ends.
      return place && diffSoFar({ ...place, git: place.git.at(place.git.cwd, withoutHooks()) }, workspace)
    },

    async cleanup(workspace, request, success, mayVanish = false) {
      const replaced = replacedIn(workspace, request.runId, true)
      if (replaced) return await leaveReplaced(() => reopen(request, workspace), workspace, replaced)
      const place = await reopen(request, workspace)
      if (!place) return { kept: workspace.kind !== 'in-place' && existsSync(workspace.path) ? workspace.path : null, rescued: [] }
      let kept: string | null = null
      let rescued: Rescued[]
      const isUntouchedNow = workspace.kind === 'clone' ? isUntouchedClone : isUntouched
      const vanishes = mayVanish && workspace.kind !== 'in-place' && (await isUntouchedNow(place, workspace))
      if (workspace.kind !== 'in-place' && (success || vanishes)) {
        const listed = await listedBeside(place, () => takeAway(place, workspace))
        rescued = listed.rescued
        if (listed.done) options.warn(`the ${workspace.kind} ${workspace.path} stays: ${listed.done}`)
        if (listed.done) kept = workspace.path
        else if (vanishes) await dropUnusedBranch(place, workspace)
      } else {
        if (workspace.kind === 'in-place') await cleanupInPlace(place, workspace, success)
        else kept = existsSync(workspace.path) ? workspace.path : null
        if (workspace.kind === 'clone' && kept) await secure(place, workspace)
        rescued = await listRescued(place.git, request.runId)
      }
      dropTraces(place, workspace)
      return { kept, rescued: rescued.map(one => one.ref) }
    },
  }

  return {
    ready: request =>
      open(request).then(
        () => {},
        () => {},
      ),
    plan: request => workspaces.plan(request).catch(fail),
    prepare: (request, hurry) => workspaces.prepare(request, hurry).catch(failure => refuse(request, failure)),
    restore: (workspace, request) => workspaces.restore(workspace, request).catch(fail),
    collect: (workspace, request, success) => workspaces.collect(workspace, request, success).catch(fail),
    diffSoFar: (...of) => workspaces.diffSoFar(...of).catch(fail),
    cleanup: (...how) => workspaces.cleanup(...how).catch(fail),
  }

  /** A run that gets no workspace has no cleanup. */
  async function refuse(request: WorkspaceRequest, failure: unknown): Promise<never> {
    const place = asGitFailure(failure).code === 'GIT_FAILED' ? await open(request).catch(() => null) : null
    if (place) dropTraces(place, null)
    return fail(failure)
  }

  function fail(failure: unknown): never {
    throw asGitFailure(failure)
  }

  async function open(request: WorkspaceRequest, repo = options.repo, hurry?: AbortSignal): Promise<Place | null> {
    const timeoutMs = options.gitTimeoutMs ?? 300_000
    const state = options.stateFolder === null ? null : realPath(resolve(options.stateFolder))
    const run = { runId: request.runId, agentTag: state === null ? request.agentId : agentMark(request.agentId, state) }
    const start = openGit(resolve(repo), { run, timeoutMs, ...(hurry && { hurry }) })
    const repository = await findRepository(start)
    if (!repository) return null
    const base = realPath(resolve(repository.root, options.worktreeBase ?? '.worktrees'))
    return { options, request, repository, git: start.at(repository.root), base, baseRemark: null, state, holder: run.agentTag }
  }

  /** Opens the repository of a workspace that an agent has had. */
  async function reopen(request: WorkspaceRequest, workspace: WorkspaceRecord): Promise<Place | null> {
    await putBackSteering(workspace, request.runId)
    return await open(request, workspace.repo)
  }

  /** Whether the task gets a separate workspace, and why if it did not ask for one. */
  function wishFor(place: Place): { apart: boolean; reason: string | null } {
    if (place.request.task.complexity === 'major') return { apart: true, reason: null }
    const { inherited } = place.request
    if (inherited && isWorktreeOf(place.repository.commonDir, inherited.path))
      return { apart: true, reason: `the work was begun in the worktree ${inherited.path}` }
    if (place.repository.bare) return { apart: true, reason: `${place.repository.root} is a bare repository, so the task gets a worktree` }
    const held = options.inPlaceHeldBy?.(place.repository.root) ?? null
    return held === null
      ? { apart: false, reason: null }
      : { apart: true, reason: `the agent ${held} works in place in ${place.repository.root}, so the task gets a worktree` }
  }

  function noGit({ task }: WorkspaceRequest): string {
    const inPlace = task.complexity === 'minor' || options.onWorktreeFailure === 'in-place'
    const then = inPlace ? 'the task works in place and nothing is committed' : 'a major task has no place of its own there'
    return `${options.repo} is no git repository: ${then}`
  }

  function mayFallBack(place: Place): boolean {
    return options.onWorktreeFailure === 'in-place' && !place.repository.bare && !options.inPlaceHeldBy?.(place.repository.root)
  }

  function withoutGit(request: WorkspaceRequest): WorkspaceRecord {
    const major = request.task.complexity === 'major'
    const reason = noGit(request)
    if (major && options.onWorktreeFailure !== 'in-place') throw new RunnerError('GIT_FAILED', reason, { advice: NO_GIT_ADVICE })
    const held = options.inPlaceHeldBy?.(realpathSync.native(options.repo))
    if (held) throw new RunnerError('GIT_FAILED', `the agent ${held} works in ${options.repo}, and without git there is no second place`)
    options.warn(reason)
    const path = realpathSync.native(options.repo)
    const none = { branch: null, base: null, startTree: null, dirtyAtStart: [], continued: true }
    return { kind: 'in-place', repo: path, path, ...none, fallback: major ? reason : null }
  }
}

function sealedIn({ repository, request, holder }: Place, workspace: WorkspaceRecord): WorkspaceRecord {
  return sealed(workspace, repository.commonDir, request.runId, holder)
}

/** Removes a worktree or clone; returns why it stays, or null. On a full disk, or when git fails, the work stays where it was. */
async function takeAway(place: Place, workspace: WorkspaceRecord): Promise<string | null> {
  try {
    return await (workspace.kind === 'clone' ? removeClone(place, workspace) : removeWorktree(place, workspace))
  } catch (failure) {
    const { code, message } = asGitFailure(failure)
    if (code === 'BUG') throw failure
    return message
  }
}

/** A clone is outside of the repository: what is only there is put into the repository too, where people look for it. */
async function secure(place: Place, workspace: WorkspaceRecord): Promise<void> {
  const obstacle = await secureClone(place, workspace).catch(failure => asGitFailure(failure).message)
  if (obstacle !== null) place.options.warn(`not all of the work in ${workspace.path} could be put into the repository: ${obstacle}`)
}

const NO_GIT_ADVICE = 'Run `git init` there and commit, or set onWorktreeFailure to in-place.'
