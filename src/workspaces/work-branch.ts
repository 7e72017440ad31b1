import { join } from 'node:path'
import type { WorkspaceRecord } from '../core/run.ts'
import type { Status } from '../git/checkout/status.ts'
import { listWorktrees } from '../git/checkout/worktree-list.ts'
import type { Git } from '../git/git.ts'
import { branchTip } from '../git/refs/base-commit.ts'
import { isAncestor } from '../git/refs/commits.ts'
import { unfinishedOperation } from '../git/repository.ts'
import { plainText } from '../machine/files/plain-file.ts'
import { readPicture } from './picture/picture.ts'
import type { Place } from './place.ts'

/* Finds the branch that a run's work is on. Reports rely on it: the branch that is named holds every commit that is counted. */

/** Where a checkout's HEAD is. */
export type Standing = Pick<Status, 'head' | 'branch'>

export interface WorkBranch {
  /** Null when the work is on no branch. */
  branch: string | null
  /** The last commit of the work; null where there is none. */
  tip: string | null
  remarks: string[]
}

/**
 * Finds the branch of a run's work, wherever the agent left HEAD, and makes the run's own branch hold it where that takes nothing from anybody:
 * one that was deleted comes back, and one from which HEAD was taken off follows it. Repeating it changes nothing.
 */
export async function findWorkBranch(
  place: Place,
  git: Git,
  gitDir: string,
  workspace: WorkspaceRecord,
  at: Standing,
): Promise<WorkBranch> {
  const { branch: own, base } = workspace
  const { head, branch: now } = at
  if (own !== null && now === own && head !== null) return { branch: own, tip: head, remarks: [] }
  const isWork = head !== null && head !== base && (await isOwnCommit(place, git, gitDir, own, at))
  if (own === null)
    return isWork ? { branch: now, tip: head, remarks: now === null ? [] : [leftOn(at, own)] } : { branch: null, tip: base, remarks: [] }
  const remarks: string[] = []
  let tip = await branchTip(git, `refs/heads/${own}`)
  const follows = isWork && now === null && unfinishedOperation(gitDir) === null
  if (tip === null && base !== null) {
    const back = follows && (await isAncestor(git, base, head)) ? head : base
    const made = await git.ask(['update-ref', '-m', 'agent-runner: back', `refs/heads/${own}`, back, '0'.repeat(back.length)])
    tip = made === null ? null : back
    if (tip) remarks.push(`The branch ${own} had been deleted while it was worked on; it is back at ${tip.slice(0, 12)}.`)
  } else if (follows && tip !== null && tip !== head && (await isAncestor(git, tip, head)) && !(await isCheckedOut(place, git, own))) {
    if ((await git.ask(['update-ref', '-m', 'agent-runner: follows HEAD', `refs/heads/${own}`, head, tip])) !== null) tip = head
  }
  if (tip === null && base !== null) remarks.push(`The branch ${own} is gone.`)
  if (!isWork || (tip !== null && (await isAncestor(git, head, tip)))) {
    const where = isWork ? `; what was committed there is on ${own} all the same.` : `; the work is on ${own}.`
    return { branch: tip && own, tip, remarks: [...(head && tip ? [leftOn(at, own, where)] : []), ...remarks] }
  }
  const rest = tip === null ? 0 : Number(await git.run(['rev-list', '--count', tip, `^${head}`, ...(base ? [`^${base}`] : []), '--']))
  if (rest > 0) remarks.push(`Of the run's commits ${rest} ${rest === 1 ? 'is' : 'are'} on ${own} alone and not counted here.`)
  return { branch: now, tip: head, remarks: [leftOn(at, own), ...remarks] }
}

function leftOn({ branch }: Standing, own: string | null, then = `; the work began on ${own ?? 'a detached HEAD'}.`): string {
  return `The agent left the workspace ${branch === null ? 'on no branch (detached HEAD)' : `on the branch ${branch}`}${then}`
}

/** Whether HEAD is at a commit of the run's, and not at what somebody else's branch, or a remote, held anyway. */
async function isOwnCommit(place: Place, git: Git, gitDir: string, own: string | null, { head, branch }: Standing): Promise<boolean> {
  if (head === null) return false
  const before = Object.values(readPicture(place)?.branches ?? {})
  const input = [head, ...new Set(before.map(sha => `^${sha}`))].map(line => `${line}\n`).join('')
  if ((await git.run(['rev-list', '-n1', '--ignore-missing', '--stdin'], { input })).trim() === '') return false
  // Commits that were pushed since are on a remote too.
  if (isCommittedHere(gitDir, head)) return true
  const ours = [own, branch].filter(name => name !== null).map(name => `--exclude=${name}`)
  return (await git.run(['rev-list', '-n1', head, '--not', '--remotes', ...ours, '--branches', '--'])).trim() !== ''
}

/** Where a checkout stood that is gone, by its git folder. */
export async function standingOf(git: Git, gitDir: string): Promise<Standing> {
  const head = (plainText(join(gitDir, 'HEAD')) ?? '').trim()
  const ref = /^ref: refs\/heads\/(.+)$/.exec(head)?.[1] ?? null
  return { head: await branchTip(git, ref === null ? head : `refs/heads/${ref}`), branch: ref }
}

/** Whether a checkout's own log says that the commit was made there. */
function isCommittedHere(gitDir: string, sha: string): boolean {
  const log = join(gitDir, 'logs', 'HEAD')
  const lines = (plainText(log) ?? '').split('\n')
  return lines.some(line => line.split(' ')[1] === sha && line.slice(line.indexOf('\t') + 1).startsWith('commit'))
}

async function isCheckedOut({ repository }: Place, git: Git, branch: string): Promise<boolean> {
  return (await listWorktrees(git, repository)).some(one => one.branch === branch)
}
