import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Git } from '../git.ts'

/**
 * Merges three versions of a file (blobs: one, their common origin, the other) and returns the blob of the result; null where their
 * changes meet, and for files that are no text.
 */
export async function mergedFile(
  git: Git,
  gitDir: string,
  run: string,
  versions: readonly [string, string, string],
): Promise<string | null> {
  const folder = join(gitDir, `agent-runner-${run}.merge`)
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { mode: 0o700 })
  try {
    // This folder replaces the checkout, so that nothing is written there.
    const here = git.at(folder, { GIT_DIR: gitDir, GIT_WORK_TREE: folder })
    const files: string[] = []
    for (const sha of versions) files.push((await here.run(['unpack-file', sha])).trim())
    if ((await here.ask(['merge-file', '-q', ...files])) === null) return null
    return (await here.run(['hash-object', '-w', '--no-filters', '--', files[0]!])).trim()
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
