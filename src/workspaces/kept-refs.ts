import type { Git } from './git.ts'
import { emptyTree } from './trees.ts'

/** A commit under `refs/agent-runner/`, and what of it is nowhere else. */
export interface KeptRef {
  ref: string
  /** The run's id as part of the ref's name. */
  runId: string
  sha: string
  /** Epoch milliseconds at which it was kept. */
  at: number
  subject: string
  /** What its changes are counted from: the last commit before it that is on a branch, or a tree without files. */
  base: string
  /** The commits that are on no branch; 0 when all are. */
  commits: number
  /** The branches that hold it, once it was restored. */
  branches: string[]
}

/** How many refs are looked at side by side. */
const AT_ONCE = 4

/** All that the runner keeps in a repository, the latest first. */
export async function keptRefs(git: Git): Promise<KeptRef[]> {
  const format = '%(refname)%00%(objectname)%00%(committerdate:unix)%00%(contents:subject)'
  const output = await git.run(['for-each-ref', `--format=${format}`, 'refs/agent-runner/'], { slow: true })
  const lines = output.split('\n').filter(Boolean)
  const found: KeptRef[] = []
  for (let from = 0; from < lines.length; from += AT_ONCE) {
    const some = await Promise.all(lines.slice(from, from + AT_ONCE).map(line => keptRef(git, line)))
    found.push(...some.filter(ref => ref !== null))
  }
  return found.sort((a, b) => b.at - a.at || (a.ref < b.ref ? -1 : 1))
}

async function keptRef(git: Git, line: string): Promise<KeptRef | null> {
  const [ref = '', sha = '', at = '', subject = ''] = line.split('\0')
  const runId = /^refs\/agent-runner\/([^/]+)\/[^/]+$/.exec(ref)?.[1]
  // Somebody else's idea of a name, or no commit: not ours to explain.
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
async function ownCommits(git: Git, sha: string): Promise<string[]> {
  const output = await git.run(['rev-list', '--topo-order', sha, '--not', '--branches', '--remotes', '--tags'], { slow: true })
  return output.split('\n').filter(Boolean)
}

async function branchesWith(git: Git, sha: string): Promise<string[]> {
  const output = await git.run(['for-each-ref', '--format=%(refname:lstrip=2)', `--contains=${sha}`, 'refs/heads'])
  return output.split('\n').filter(Boolean)
}

/** The commit before this one, or a tree without files for the very first. */
async function beforeCommit(git: Git, sha: string): Promise<string> {
  return (await git.ask(['rev-parse', '-q', '--verify', `${sha}^1`]))?.trim() ?? (await emptyTree(git))
}
