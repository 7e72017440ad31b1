import { lstatSync, rmdirSync, rmSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileAt } from '../file-names.ts'
import type { Git } from '../git.ts'
import { unfinishedOperation } from '../repository.ts'
import { indexInfo, type TreeChange } from './trees.ts'

/**
 * Sets paths of a checkout, and their entries in its index, back to HEAD. The caller has put their present content under a ref before.
 * Links to other repositories (submodules) are left as they are and answered.
 */
export async function restorePaths(git: Git, changes: TreeChange[]): Promise<string[]> {
  const isLink = (change: TreeChange) => change.before?.mode === '160000' || change.now?.mode === '160000'
  const files = changes.filter(change => !isLink(change))
  if (files.length > 0) {
    await git.run(['update-index', '-z', '--index-info'], { input: indexInfo(files, 'before') })
    for (const { path } of files) removeFile(git.cwd, path)
    const back = files.filter(change => change.before).map(change => `${change.path}\0`)
    // Do not force it: a file in the way belongs to somebody, and stays.
    if (back.length > 0) await git.run(['checkout-index', '-u', '-z', '--stdin'], { input: back.join(''), slow: true })
  }
  return changes.filter(isLink).map(change => change.path)
}

/** Forgets an unfinished merge, rebase, cherry-pick or revert without touching a file. */
export async function quitOperation(git: Git, gitDir: string): Promise<void> {
  const operation = unfinishedOperation(gitDir)
  if (operation) await git.ask([operation, '--quit'])
}

/** Removes a file, and the folders that are empty without it. */
export function removeFile(top: string, path: string): void {
  const file = fileAt(top, path)
  const found = lstatSync(file, { throwIfNoEntry: false })
  if (!found || found.isDirectory()) return
  rmSync(file, { force: true })
  for (let folder = dirname(path); folder !== '.'; folder = dirname(folder)) {
    try {
      rmdirSync(fileAt(top, folder))
    } catch {
      return
    }
  }
}
