import { existsSync, readdirSync, readFileSync, realpathSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import type { Git } from './git.ts'
import { gitFolderOf } from './repository.ts'

/** A checkout of the repository, as git lists it. */
export interface ListedWorktree {
  path: string
  /** Null when it is detached, or half made. */
  branch: string | null
  /** The reason of its lock, '' for one without; null when it is not locked. */
  lock: string | null
}

/** All checkouts that git knows, the main one first. */
export async function listWorktrees(git: Git): Promise<ListedWorktree[]> {
  const blocks = (await git.run(['worktree', 'list', '--porcelain'])).split('\n\n').filter(block => block.startsWith('worktree '))
  return blocks.map(block => {
    const value = (name: string) => new RegExp(`^${name}(?: (.*))?$`, 'm').exec(block)
    const lock = value('locked')
    return {
      path: value('worktree')?.[1] ?? '',
      branch: value('branch')?.[1]?.replace(/^refs\/heads\//, '') ?? null,
      lock: lock ? (lock[1] ?? '') : null,
    }
  })
}

/** The git folders (`worktrees/*` of the common one) that say they belong to this path. More than one only after a kill. */
export function adminFolders(commonDir: string, path: string): string[] {
  const folder = join(commonDir, 'worktrees')
  if (!existsSync(folder)) return []
  return readdirSync(folder)
    .map(name => join(folder, name))
    .filter(admin => {
      const target = firstLine(join(admin, 'gitdir'))
      return target !== null && realPath(dirname(resolve(admin, target))) === realPath(path)
    })
}

/** Git folders of a kill's first moment: begun under this path's name, locked, and not yet belonging to any path. */
export function nascentAdminFolders(commonDir: string, name: string): string[] {
  const folder = join(commonDir, 'worktrees')
  if (!existsSync(folder)) return []
  return readdirSync(folder)
    .filter(entry => entry.startsWith(name) && /^\d*$/.test(entry.slice(name.length)))
    .map(entry => join(folder, entry))
    .filter(admin => !firstLine(join(admin, 'gitdir')) && !existsSync(join(admin, 'index')))
}

/** Whether a folder has a `.git` that leads elsewhere: a repository of its own, with a history that is nowhere else. */
export function isForeign(path: string, admins: string[]): boolean {
  const found = gitFolderOf(path)
  return found !== null && !admins.some(admin => realPath(admin) === found)
}

/** A path with its existing part made real, so that two spellings of one place are equal. */
export function realPath(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    const above = dirname(path)
    return above === path ? path : join(realPath(above), path.slice(above.length))
  }
}

function firstLine(file: string): string | null {
  try {
    return readFileSync(file, 'utf8').split('\n')[0] || null
  } catch {
    return null
  }
}
