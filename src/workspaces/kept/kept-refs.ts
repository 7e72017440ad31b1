import { RunnerError } from '../../core/errors.ts'
import { SPOKEN } from '../../git/git.ts'
import { type AskedGit, askGit } from '../../machine/process/ask-git.ts'

/** A commit under `refs/agent-runner/`, and what of it is nowhere else. */
export interface KeptRef {
  ref: string
  /** The run's id as part of the ref's name. */
  runId: string
  sha: string
  /** Epoch milliseconds at which it was kept. */
  at: number
  subject: string
  /** The start of its changes: the last commit before it that is on a branch, or a tree without files. */
  base: string
  /** The commits that are on no branch; 0 when all are. */
  commits: number
  /** The branches that hold it, once it was restored. */
  branches: string[]
}

/** Longest time without a word of git, in milliseconds. */
const GIT_MS = 300_000

/** All that the runner keeps in a repository, the latest first. Throws GIT_FAILED. */
export async function keptRefs(repository: string): Promise<KeptRef[]> {
  try {
    const git = await askGit({ need: 'git', cwd: repository, set: SPOKEN, timeoutMs: GIT_MS })
    const format = '%(refname)%00%(objectname)%00%(creatordate:unix)%00%(contents:subject)'
    const lines = linesOf(await git.raw(['for-each-ref', `--format=${format}`, 'refs/agent-runner/']))
    const found = await Promise.all(lines.map(line => keptRef(git, line)))
    return found.filter(ref => ref !== null).sort((a, b) => b.at - a.at || (a.ref < b.ref ? -1 : 1))
  } catch (failure) {
    throw new RunnerError('GIT_FAILED', (failure as Error).message.trim(), { cause: failure })
  }
}

const linesOf = (output: string) => output.split('\n').filter(Boolean)

async function keptRef(git: AskedGit, line: string): Promise<KeptRef | null> {
  const [ref = '', sha = '', at = '', subject = ''] = line.split('\0')
  const runId = /^refs\/agent-runner\/([^/]+)\/[^/]+$/.exec(ref)?.[1]
  // The name is not one of ours, or it is no commit.
  if (!runId || at === '') return null
  const own = await ownCommits(git, sha)
  const held = own.length > 0 ? [] : await branchesWith(git, sha)
  return {
    ref,
    runId,
    sha,
    at: Number(at) * 1000,
    subject,
    base: await beforeCommit(git, own.at(-1) ?? sha),
    commits: own.length,
    branches: held,
  }
}

/** The commits up to `sha` that are on no branch and no tag, newest first. */
async function ownCommits(git: AskedGit, sha: string): Promise<string[]> {
  return linesOf(await git.raw(['rev-list', '--topo-order', sha, '--not', '--branches', '--remotes', '--tags']))
}

async function branchesWith(git: AskedGit, sha: string): Promise<string[]> {
  return linesOf(await git.raw(['for-each-ref', '--format=%(refname:lstrip=2)', `--contains=${sha}`, 'refs/heads']))
}

/** The commit before this one, or a tree without files for the very first. */
async function beforeCommit(git: AskedGit, sha: string): Promise<string> {
  const [, before] = (await git.raw(['rev-list', '--parents', '--max-count=1', sha])).trim().split(' ')
  return before ?? (await git.raw(['hash-object', '-t', 'tree', '/dev/null'])).trim()
}
