import type { Git } from '../git.ts'
import { type Remotes, readRemotes } from './remotes.ts'

/** What a repository has of some branches, here and at its remotes as they were fetched last. */
export interface KnownRefs {
  /** Full names of refs with their commits, and for a symbolic one where it points. */
  tips: Map<string, { sha: string; symref: string | null }>
  /** The names of branches that were looked for. */
  branches: Set<string>
  remotes: Remotes
}

/** Looks for branches of these names, for what stands in their way, and for the default branches of the remotes. */
export async function knownRefs(git: Git, branches: string[]): Promise<KnownRefs> {
  const patterns = branches.flatMap(name => [`refs/heads/${name}`, ...above(name).map(exactly), `refs/remotes/**/${name}`])
  const [tips, remotes] = await Promise.all([refTips(git, [...patterns, 'refs/remotes/**/HEAD']), readRemotes(git)])
  // A remote that is no longer configured may have left its branches.
  const left = [...tips.keys()].flatMap(ref => /^refs\/remotes\/(.+)\/HEAD$/.exec(ref)?.[1] ?? [])
  return { tips, branches: new Set(branches), remotes: { ...remotes, names: [...new Set([...remotes.names, ...left])] } }
}

/** Those of the refs that are there, in one look. */
export async function refTips(git: Git, refs: string[]): Promise<KnownRefs['tips']> {
  const lines = (await git.run(['for-each-ref', '--format=%(refname) %(objectname) %(symref)', ...refs])).split('\n').filter(Boolean)
  return new Map(
    lines.map(line => {
      const [ref = '', sha = '', symref] = line.split(' ')
      return [ref, { sha, symref: symref || null }]
    }),
  )
}

/** The branch that makes a name impossible, since a ref cannot be a file and a folder; null when none does. */
export function inTheWay({ tips }: KnownRefs, branch: string): string | null {
  const file = above(branch).find(name => tips.has(`refs/heads/${name}`))
  if (file) return file
  const child = [...tips.keys()].find(ref => ref.startsWith(`refs/heads/${branch}/`))
  return child?.slice('refs/heads/'.length) ?? null
}

/** `a/b/c` → `a`, `a/b`. */
function above(branch: string): string[] {
  const parts = branch.split('/')
  return parts.slice(1).map((_, index) => parts.slice(0, index + 1).join('/'))
}

/** The pattern of one ref and none below it. Ref names have no characters that patterns know. */
function exactly(branch: string): string {
  return `refs/heads/${branch.slice(0, -1)}[${branch.slice(-1)}]`
}
