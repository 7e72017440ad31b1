import { RunnerError } from '../../core/errors.ts'
import type { Git } from '../git.ts'
import { type KnownRefs, knownRefs, refTips } from './refs.ts'
import { inOrder } from './remotes.ts'

/** What new work starts from. */
export interface Base {
  /** Null in a repository without commits. */
  commit: string | null
  /** The branch; null when it is a commit or a tag, or HEAD is on none. */
  branch: string | null
  /** What a person should know about it; null for nothing. */
  remark: string | null
}

/** Where HEAD is. */
export interface Head {
  branch: string | null
  commit: string | null
}

/**
 * The start of new work: the configured base, else the default branch (where the HEAD of a remote points), else HEAD. A local branch is
 * preferred to its remote one, since it holds what the user has; a remark says when the remote one has more. It looks only at what was
 * fetched already, and uses no network. Throws GIT_FAILED when a configured base is gone.
 */
export async function baseOf(git: Git, configured: string | null, seen?: { refs: KnownRefs; head: Head }): Promise<Base> {
  if (configured !== null) {
    const found = await configuredBase(git, configured, seen?.refs)
    if (found) return found
    throw new RunnerError('GIT_FAILED', `the base branch ${JSON.stringify(configured)} does not exist`, {
      advice: 'Set baseBranch to a branch that exists, or fetch it.',
    })
  }
  const refs = seen?.refs ?? (await knownRefs(git, []))
  const head = seen?.head ?? (await headOf(git))
  const remotes = inOrder(refs.remotes, head.branch)
  const name = remotes.map(remote => defaultBranch(refs, remote)).find(found => found !== null)
  const base = name ? await branchAt(git, name, refs, remotes) : null
  if (base) return base
  return (head.branch !== null && (await branchAt(git, head.branch, refs, remotes))) || { ...head, remark: null }
}

/** The configured base, or null when there is none of that name. */
export async function configuredBase(git: Git, name: string, seen?: KnownRefs): Promise<Base | null> {
  if (name.startsWith('-')) return null
  const refs = seen ?? (await knownRefs(git, []))
  const found = await branchAt(git, name, refs, inOrder(refs.remotes, name))
  if (found) return found
  const commit = await branchTip(git, name)
  return commit === null ? null : { commit, branch: null, remark: null }
}

/** The commit at the end of a branch, or null. */
export async function branchTip(git: Git, ref: string): Promise<string | null> {
  return (await git.ask(['rev-parse', '-q', '--verify', `${ref}^{commit}`]))?.trim() ?? null
}

/** Where HEAD is, also of a bare repository. */
async function headOf(git: Git): Promise<Head> {
  const [branch, commit] = await Promise.all([git.ask(['symbolic-ref', '-q', '--short', 'HEAD']), branchTip(git, 'HEAD')])
  return { branch: branch?.trim() || null, commit }
}

function defaultBranch({ tips }: KnownRefs, remote: string): string | null {
  const folder = `refs/remotes/${remote}/`
  const target = tips.get(`${folder}HEAD`)?.symref
  return target?.startsWith(folder) ? target.slice(folder.length) : null
}

/** The branch of a name: the local one, the one of the remote that is named with it, that of the first remote that has one. */
async function branchAt(git: Git, name: string, refs: KnownRefs, remotes: string[]): Promise<Base | null> {
  const local = `refs/heads/${name}`
  const upstream = refs.remotes.upstreams.get(name)
  const there = [
    ...(upstream ? [`refs/remotes/${upstream.remote}/${upstream.ref}`] : []),
    ...remotes.map(remote => `refs/remotes/${remote}/${name}`),
  ]
  const isKnown = refs.branches.has(name) && (!upstream || upstream.ref === name)
  const tips = isKnown ? refs.tips : await refTips(git, [local, `refs/remotes/${name}`, ...there])
  const ref = [local, `refs/remotes/${name}`, ...there].find(one => tips.has(one))
  if (!ref) return null
  const commit = tips.get(ref)!.sha
  const remote = there.find(one => tips.has(one))
  const more = ref === local && remote ? await lacking(git, commit, tips.get(remote)!.sha) : 0
  const known = remote?.replace('refs/remotes/', '')
  const remark =
    more > 0 ? `${known} has ${more === 1 ? 'a commit' : `${more} commits`} that ${name} lacks; the work starts from ${name}` : null
  return { commit, branch: name, remark }
}

/** How many commits of `other` are not in `own`. */
async function lacking(git: Git, own: string, other: string): Promise<number> {
  if (own === other) return 0
  return Number((await git.ask(['rev-list', '--count', other, `^${own}`, '--'])) ?? 0)
}
