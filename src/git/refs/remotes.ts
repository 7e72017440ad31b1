import type { Git } from '../git.ts'
import { readSettings } from '../settings.ts'

/** The remotes of a repository, as its configuration names them. */
export interface Remotes {
  names: string[]
  /** Remotes that the configuration prefers (`checkout.defaultRemote`, `clone.defaultRemoteName`), there or not. */
  preferred: string[]
  /** The remote and the ref there that a branch follows. */
  upstreams: Map<string, { remote: string; ref: string }>
}

const KEYS = '^(remote\\..*\\.(url|fetch)|branch\\..*\\.(remote|merge)|checkout\\.defaultremote|clone\\.defaultremotename)$'

/** Reads the remotes. No network is asked. */
export async function readRemotes(git: Git): Promise<Remotes> {
  const remotes: Remotes = { names: [], preferred: [], upstreams: new Map() }
  const names = new Set<string>()
  const merges = new Map<string, string>()
  const follows = new Map<string, string>()
  for (const { name, value: text } of await readSettings(git, KEYS)) {
    const value = text ?? ''
    const remote = /^remote\.(.+)\.(?:url|fetch)$/s.exec(name)?.[1]
    const [, branch, what] = /^branch\.(.+)\.(remote|merge)$/s.exec(name) ?? []
    if (remote) names.add(remote)
    else if (branch && what === 'remote') follows.set(branch, value)
    else if (branch) merges.set(branch, value.replace(/^refs\/heads\//, ''))
    else remotes.preferred.push(value)
  }
  for (const [branch, remote] of follows) {
    const ref = merges.get(branch)
    if (ref && names.has(remote)) remotes.upstreams.set(branch, { remote, ref })
  }
  return { ...remotes, names: [...names] }
}

/** The remotes in the order in which they count: as configured, the one that the branch follows, origin, then by name. */
export function inOrder({ names, preferred, upstreams }: Remotes, branch: string | null): string[] {
  const followed = branch === null ? [] : (upstreams.get(branch)?.remote ?? [])
  const first = [...preferred, followed, 'origin'].flat()
  const there = new Set(names)
  return [...new Set([...first.filter(name => there.has(name)), ...names.toSorted()])]
}
