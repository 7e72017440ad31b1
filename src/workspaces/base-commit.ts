import { RunnerError } from '../core/errors.ts'
import type { Git } from './git.ts'

/**
 * The commit that new work starts from: the configured base, else the repository's default branch (where origin/HEAD points),
 * else HEAD. A local branch is preferred to its remote one, since it holds what the user has. Throws GIT_FAILED when it is gone.
 */
export async function baseCommit(git: Git, configured: string | null): Promise<string> {
  if (configured !== null) {
    const commit = configured.startsWith('-') ? null : await firstCommit(git, [...branchNames(configured), configured])
    if (commit) return commit
    throw new RunnerError('GIT_FAILED', `the base branch ${JSON.stringify(configured)} does not exist`, {
      advice: 'Set baseBranch to a branch that exists, or fetch it.',
    })
  }
  const remote = (await git.ask(['symbolic-ref', '-q', 'refs/remotes/origin/HEAD']))?.trim().replace(/^refs\/remotes\/origin\//, '')
  const commit = await firstCommit(git, [...(remote ? branchNames(remote) : []), 'HEAD'])
  if (commit) return commit
  throw new RunnerError('GIT_FAILED', 'the repository has no commits yet, so no branch can start from anything')
}

/** The commit at the end of a branch, or null. */
export async function branchTip(git: Git, ref: string): Promise<string | null> {
  return (await git.ask(['rev-parse', '-q', '--verify', `${ref}^{commit}`]))?.trim() ?? null
}

/** The commits of those of the refs that are there, in one look. */
export async function refTips(git: Git, refs: string[]): Promise<Map<string, string>> {
  const lines = (await git.run(['for-each-ref', '--format=%(objectname) %(refname)', ...refs])).split('\n').filter(Boolean)
  return new Map(lines.map(line => [line.slice(line.indexOf(' ') + 1), line.slice(0, line.indexOf(' '))]))
}

function branchNames(name: string): string[] {
  return [`refs/heads/${name}`, `refs/remotes/${name}`, `refs/remotes/origin/${name}`]
}

async function firstCommit(git: Git, names: string[]): Promise<string | null> {
  for (const name of names) {
    const commit = await branchTip(git, name)
    if (commit) return commit
  }
  return null
}
