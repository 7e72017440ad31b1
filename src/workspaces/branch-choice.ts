import { existsSync } from 'node:fs'
import { dirname } from 'node:path'
import { branchAt, type ListedWorktree, listWorktrees, realPath } from '../git/checkout/worktree-list.ts'
import { type Base, baseOf } from '../git/refs/base-commit.ts'
import { inTheWay, type KnownRefs, knownRefs } from '../git/refs/refs.ts'
import { inOrder } from '../git/refs/remotes.ts'
import { branchesFor, branchFault, isPlainBranch, quoted } from './names.ts'
import type { Place } from './place.ts'

/** On which branch a task's work goes, and from where. */
export interface BranchChoice {
  branch: string
  /** Null in a repository without commits. */
  base: string | null
  /** The branch is there already, here or at a remote. */
  continued: boolean
  /** Names to try when git refuses the branch all the same. */
  otherNames: string[]
  /** A path whose folder is gone but which git still holds for this branch. */
  vanished: string | null
  /** One sentence each: why it is not the branch that was asked for, what the base lacks. */
  remarks: string[]
}

/** The facts for a choice. */
export interface Surroundings {
  worktrees: ListedWorktree[]
  refs: KnownRefs
  /** Why the branch that the task names cannot be one; null when it can, or none is named. */
  fault: string | null
}

/** Collects everything that a choice needs, at the same time and once, since each question is a process. */
export async function surroundingsOf({ git, repository, options, request: { task, runId } }: Place): Promise<Surroundings> {
  const own = branchesFor(task.id, runId)
  const bases = [branchAt(repository.gitDir), options.baseBranch].filter((name): name is string => name !== null && isPlainBranch(name))
  const lookFor = async () => {
    const fault = task.branch === null ? null : await branchFault(git, task.branch)
    const named = task.branch === null || fault !== null ? [] : [task.branch]
    return { fault, refs: await knownRefs(git, [...new Set([...named, ...own, ...bases])]) }
  }
  const [worktrees, known] = await Promise.all([listWorktrees(git, repository), lookFor()])
  return { worktrees, ...known }
}

/**
 * Chooses the branch for a workspace at `path`: the one that the task names, else one of ours. If that name is invalid, means something
 * else to git, is checked out elsewhere, or is the branch from which all work starts, the choice is a name of ours, never less isolation.
 */
export async function chooseBranch(place: Place, around: Surroundings, path: string): Promise<BranchChoice> {
  const { git, request, repository, options } = place
  const { worktrees, refs, fault } = around
  const own = branchesFor(request.task.id, request.runId)
  const named = request.task.branch
  const here = worktrees.find(one => realPath(one.path) === repository.root)
  const tip = here?.branch ? refs.tips.get(`refs/heads/${here.branch}`)?.sha : here?.head
  const head = here && tip ? { branch: here.branch, commit: tip } : undefined
  let asked: Promise<Base> | undefined
  const base = () => (asked ??= baseOf(git, options.baseBranch, head && { refs, head }))

  const remarks: string[] = []
  let from: string | null = null
  if (fault !== null) remarks.push(`the task names the branch ${quoted(named!)}, but ${fault}`)
  const names = named === null || fault !== null ? own : [named, ...own.filter(name => name !== named)]
  for (const [index, branch] of names.entries()) {
    const tip = tipOf(refs, branch, here?.branch ?? null)
    const obstacle = await obstacleTo(branch)
    if (obstacle !== null) {
      // What stands in the way of the first of our names stands in the way of the next too.
      if (index <= names.indexOf(own[0])) remarks.push(obstacle)
      if (branch === named) from = tip
      continue
    }
    const holder = holderOf(branch)
    const vanished = holder ? holder.path : null
    const otherNames = names.slice(index + 1)
    if (index > 0 || fault !== null) remarks.push(`the work goes ${from ? 'on from it ' : ''}on ${branch}`)
    if (tip) return { branch, base: tip, continued: true, otherNames, vanished, remarks }
    if (from) return { branch, base: from, continued: false, otherNames, vanished, remarks }
    const { commit, remark } = await base()
    return { branch, base: commit, continued: false, otherNames, vanished, remarks: remark ? [...remarks, remark] : remarks }
  }
  // All of them are taken; git will refuse the last one with a reason.
  const branch = own.at(-1)!
  return { branch, base: from ?? (await base()).commit, continued: false, otherNames: [], vanished: null, remarks }

  function holderOf(branch: string) {
    return worktrees.find(one => one.branch === branch && realPath(one.path) !== realPath(path))
  }

  async function obstacleTo(branch: string): Promise<string | null> {
    const other = inTheWay(refs, branch)
    if (other !== null) return `the branch ${other} stands in the way of ${branch}`
    const holder = holderOf(branch)
    const isVanished = holder && !existsSync(holder.path) && holder.lock === null && dirname(holder.path) === dirname(path)
    if (holder && !isVanished) return `the branch ${branch} is checked out in ${holder.path}`
    const isBase = branch === named && branch === (await base().catch(() => null))?.branch
    return isBase ? `the branch ${branch} is the one that all work starts from` : null
  }
}

/** The commit of a branch, here or at the first remote that has it. */
function tipOf({ tips, remotes }: KnownRefs, branch: string, current: string | null): string | null {
  const followed = remotes.upstreams.get(branch)?.remote
  const order = [...(followed ? [followed] : []), ...inOrder(remotes, current)]
  const refs = [`refs/heads/${branch}`, ...order.map(remote => `refs/remotes/${remote}/${branch}`)]
  return refs.map(ref => tips.get(ref)?.sha).find(sha => sha !== undefined) ?? null
}
