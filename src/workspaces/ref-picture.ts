import type { Git } from './git.ts'

/** Where the branches of a repository stand, and what is in `git stash`, the latest first. */
export interface RefPicture {
  branches: Record<string, string>
  stash: string[]
}

/** Reads both in one look; a second one only where there is a stash. */
export async function readRefs(git: Git): Promise<RefPicture> {
  const lines = (await git.run(['for-each-ref', '--format=%(refname) %(objectname)', 'refs/heads', 'refs/stash']))
    .split('\n')
    .filter(Boolean)
  const refs = new Map(lines.map(line => [line.slice(0, line.indexOf(' ')), line.slice(line.indexOf(' ') + 1)]))
  const top = refs.get('refs/stash')
  refs.delete('refs/stash')
  const branches = Object.fromEntries([...refs].map(([ref, sha]) => [ref.slice('refs/heads/'.length), sha]))
  if (top === undefined) return { branches, stash: [] }
  const log = await git.ask(['log', '-g', '--format=%H', 'refs/stash', '--'])
  const entries = (log ?? '').split('\n').filter(Boolean)
  return { branches, stash: entries.length > 0 ? entries : [top] }
}
