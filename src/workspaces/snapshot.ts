import { copyFileSync, existsSync, rmSync, statSync, utimesSync } from 'node:fs'
import { join } from 'node:path'
import { RunnerError } from '../core/errors.ts'
import type { Git } from './git.ts'
import { isNoRoom } from './room.ts'

/** A picture of a whole checkout: tracked and untracked files, ignored ones not. */
export interface Snapshot {
  tree: string
  /** Environment that names the private index which holds the picture. */
  index: { GIT_INDEX_FILE: string }
  /** Why some file is not in it (unreadable, a repository without commits …); null when all are. */
  incomplete: string | null
}

/** Where a run's private index is. One name per run: what a kill leaves behind is used again and removed by the next call. */
function privateIndex(gitDir: string, run: string): string {
  return join(gitDir, `agent-runner-${run}.index`)
}

/** Removes a run's private index; the picture's tree stays. */
export function dropPrivateIndex(gitDir: string, run: string): void {
  for (const suffix of ['', '.lock']) rmSync(privateIndex(gitDir, run) + suffix, { force: true })
}

/**
 * Takes a picture of a checkout without touching its index. It starts from a copy of that index: fast, and files
 * that are tracked although ignored stay in it. `from` starts it from a commit instead.
 */
export async function takeSnapshot(git: Git, gitDir: string, run: string, from?: string): Promise<Snapshot> {
  dropPrivateIndex(gitDir, run)
  const file = privateIndex(gitDir, run)
  const index = { GIT_INDEX_FILE: file }
  const own = join(gitDir, 'index')
  if (from === undefined && existsSync(own)) {
    copyFileSync(own, file)
    // A change within the same clock tick as the copy would look old. An older index makes git compare contents.
    const written = statSync(own).mtimeMs / 1000 - 2
    utimesSync(file, written, written)
  } else await fill(from)
  let incomplete = await addAll()
  if (incomplete !== null && (await git.ask(['write-tree'], { env: index })) === null) {
    // The checkout's index is broken; then the picture is taken from HEAD.
    dropPrivateIndex(gitDir, run)
    await fill()
    incomplete = await addAll()
  }
  return { tree: (await git.run(['write-tree'], { env: index })).trim(), index, incomplete }

  async function fill(commit = 'HEAD') {
    if (await git.ask(['rev-parse', '-q', '--verify', `${commit}^{commit}`])) await git.run(['read-tree', commit], { env: index })
  }
  async function addAll(): Promise<string | null> {
    try {
      // The line-ending guard would refuse files; a picture must take them all.
      await git.run(['add', '-A', '--ignore-errors'], { env: index, slow: true, config: ['core.safecrlf=false'] })
      return null
    } catch (failure) {
      // A picture without what found no room would be taken for the whole.
      if (failure instanceof RunnerError && !isNoRoom(failure)) return failure.message
      throw failure
    }
  }
}
