import { copyFileSync, existsSync } from 'node:fs'
import { join } from 'node:path'
import type { WorkspaceRecord } from '../../core/run.ts'
import { readIndex } from '../../git/checkout/index-flags.ts'
import { entered, leavingOut } from '../../git/checkout/links.ts'
import { adminFolders } from '../../git/checkout/worktree-list.ts'
import { PATCH } from '../../git/trees/changes.ts'
import { dropPrivateIndex, privateIndex } from '../../git/trees/snapshot.ts'
import { emptyTree } from '../../git/trees/trees.ts'
import { safeRun } from '../kept/rescue.ts'
import { gitAt, type Place } from '../place.ts'

const NAMED = ['--pathspec-from-file=-', '--pathspec-file-nul']

/** The name of the private index for looking at a run while it works. */
export const lookOf = (runId: string) => `${safeRun(runId)}-look`

/**
 * What a run has changed until now, new files included, as a diff of at most `diffBytes`; null when its checkout cannot be read. The checkout and
 * its index stay as they are, and no object is written.
 */
export async function diffSoFar(place: Place, workspace: WorkspaceRecord): Promise<string | null> {
  const { path, kind, startTree, base } = workspace
  // Use its own git folder, whatever the agent has made of the file that leads there.
  const folder = gitFolderOf(place, kind, path)
  if (!folder || !existsSync(path) || !existsSync(join(folder, 'index'))) return null
  const name = lookOf(place.request.runId)
  const env = { GIT_DIR: folder, GIT_WORK_TREE: path, GIT_INDEX_FILE: privateIndex(folder, name) }
  const git = gitAt(place, path)
  dropPrivateIndex(folder, name)
  try {
    copyFileSync(join(folder, 'index'), env.GIT_INDEX_FILE)
    // Where it cannot note a new file, such as a repository in the checkout, the diff lacks that.
    const input = ['.', ...leavingOut(entered(git, (await readIndex(git, env)).links))].map(name => `${name}\0`).join('')
    await git.ask(['add', '--intent-to-add', '--ignore-errors', ...NAMED], { env, slow: true, input })
    const from = startTree ?? base ?? (await emptyTree(git))
    const { text } = await git.head(['diff', ...PATCH, '--ignore-submodules=dirty', from, '--'], place.options.diffBytes, {
      env,
      slow: true,
    })
    return text
  } finally {
    dropPrivateIndex(folder, name)
  }
}

function gitFolderOf({ repository }: Place, kind: WorkspaceRecord['kind'], path: string): string | undefined {
  if (kind === 'in-place') return repository.gitDir
  // A clone's git folder is in the agent's hands, with all that git would run from there; it is looked at once the agent has ended.
  return kind === 'worktree' ? adminFolders(repository.commonDir, path).find(admin => existsSync(join(admin, 'index'))) : undefined
}
