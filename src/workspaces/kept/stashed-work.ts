import { identityEnv } from '../../git/identity.ts'
import { dropPrivateIndex, privateIndex } from '../../git/trees/snapshot.ts'
import type { Place } from '../place.ts'
import { rescueTree, safeRun } from './rescue.ts'

/** More entries than these are left to `git stash` alone. */
const MOST = 20

/** Keeps what entries of `git stash` hold, untracked files included, under `refs/agent-runner/`; the entries stay. Returns the refs. */
export async function keepStashed(place: Place, entries: string[]): Promise<string[]> {
  const { git, request, repository, options } = place
  const run = safeRun(request.runId)
  const refs: string[] = []
  const env = await identityEnv(git, options.author)
  for (const sha of entries.slice(0, MOST)) {
    try {
      const index = { GIT_INDEX_FILE: privateIndex(repository.commonDir, run) }
      dropPrivateIndex(repository.commonDir, run)
      await git.run(['read-tree', sha], { env: index })
      // `git stash -u` puts untracked files into a third parent, where a checkout of the entry does not find them.
      if ((await git.ask(['rev-parse', '-q', '--verify', `${sha}^3`])) !== null) {
        const untracked = await git.names(['ls-tree', '-r', '-z', `${sha}^3`])
        const input = untracked.map(line => `${line}\0`).join('')
        if (input) await git.run(['update-index', '-z', '--index-info'], { env: index, input })
      }
      const tree = (await git.run(['write-tree'], { env: index })).trim()
      const parent = (await git.run(['rev-parse', `${sha}^1`])).trim()
      refs.push(await rescueTree(git, request.runId, tree, parent, `In git stash after task ${request.task.id}`, env))
    } finally {
      dropPrivateIndex(repository.commonDir, run)
    }
  }
  return [...new Set(refs)]
}
