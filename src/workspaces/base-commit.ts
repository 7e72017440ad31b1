import { RunnerError } from '../core/errors.ts'
import type { Git } from './git.ts'

/** What a caller has seen already, so that git need not be asked again. */
export interface Seen {
  /** Where origin/HEAD points: a full ref name; null when there is none. */
  originHead: string | null
  /** The commit of HEAD; null in a repository without commits. */
  head: string | null
}

/**
 * The commit that new work starts from: the configured base, else the repository's default branch (where origin/HEAD points),
 * else HEAD. A local branch is preferred to its remote one, since it holds what the user has. Throws GIT_FAILED when it is gone.
 */
export async function baseCommit(git: Git, configured: string | null, seen?: Seen): Promise<string> {
  if (configured !== null) {
    const commit = await configuredBase(git, configured)
    if (commit) return commit
    throw new RunnerError('GIT_FAILED', `the base branch ${JSON.stringify(configured)} does not exist`, {
      advice: 'Set baseBranch to a branch that exists, or fetch it.',
    })
  }
  const originHead = seen ? seen.originHead : ((await git.ask(['symbolic-ref', '-q', ORIGIN_HEAD]))?.trim() ?? null)
  const remote = originHead?.replace(/^refs\/remotes\/origin\//, '')
  const commit = (remote && (await firstBranch(git, remote))) || (seen ? seen.head : await branchTip(git, 'HEAD'))
  if (commit) return commit
  throw new RunnerError('GIT_FAILED', 'the repository has no commits yet, so no branch can start from anything')
}

/** The commit of a configured base, or null when there is none of that name. */
export async function configuredBase(git: Git, name: string): Promise<string | null> {
  return name.startsWith('-') ? null : ((await firstBranch(git, name)) ?? (await branchTip(git, name)))
}

export const ORIGIN_HEAD = 'refs/remotes/origin/HEAD'

/** The commit at the end of a branch, or null. */
export async function branchTip(git: Git, ref: string): Promise<string | null> {
  return (await git.ask(['rev-parse', '-q', '--verify', `${ref}^{commit}`]))?.trim() ?? null
}

/** Those of the refs that are there, in one look: their commits, and for a symbolic one where it points. */
export async function refTips(git: Git, refs: string[]): Promise<Map<string, { sha: string; symref: string | null }>> {
  const lines = (await git.run(['for-each-ref', '--format=%(refname) %(objectname) %(symref)', ...refs])).split('\n').filter(Boolean)
  return new Map(
    lines.map(line => {
      const [ref = '', sha = '', symref] = line.split(' ')
      return [ref, { sha, symref: symref || null }]
    }),
  )
}

/** The commit of the branch of this name that comes first: local, of the remote that is named with it, of origin. */
async function firstBranch(git: Git, name: string): Promise<string | null> {
  const refs = [`refs/heads/${name}`, `refs/remotes/${name}`, `refs/remotes/origin/${name}`]
  const tips = await refTips(git, refs)
  return refs.map(ref => tips.get(ref)?.sha).find(sha => sha !== undefined) ?? null
}
