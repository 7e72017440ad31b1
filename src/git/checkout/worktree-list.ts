import { existsSync, readdirSync, realpathSync, writeFileSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { plainText } from '../../machine/files/plain-file.ts'
import type { Git } from '../git.ts'
import { gitFolderOf, PUT_ASIDE, type Repository, refsAreFiles } from '../repository.ts'

/** A checkout of the repository, as git lists it. */
export interface ListedWorktree {
  path: string
  /** Null when it is detached, or half made. */
  branch: string | null
  /** The commit of a detached one; null on a branch. */
  head: string | null
  /** The reason of its lock, '' for one without; null when it is not locked. */
  lock: string | null
}

/** All checkouts that git knows. It is asked only where its refs are no files, and where it does not give up on one half-made worktree. */
export async function listWorktrees(git: Git, repository: Repository): Promise<ListedWorktree[]> {
  const output = refsAreFiles(repository) ? null : await git.ask(['worktree', 'list', '--porcelain'])
  if (output === null) return readWorktrees(repository)
  const blocks = output.split('\n\n').filter(block => block.startsWith('worktree '))
  return blocks.map(block => {
    const value = (name: string) => new RegExp(`^${name}(?: (.*))?$`, 'm').exec(block)
    const lock = value('locked')
    return {
      path: value('worktree')?.[1] ?? '',
      branch: value('branch')?.[1]?.replace(/^refs\/heads\//, '') ?? null,
      head: value('detached') ? (value('HEAD')?.[1] ?? null) : null,
      lock: lock ? (lock[1] ?? '') : null,
    }
  })
}

function readWorktrees({ root, gitDir, commonDir, bare }: Repository): ListedWorktree[] {
  const path = gitDir === commonDir ? root : dirname(commonDir)
  const main = bare ? [] : [{ path, branch: branchAt(commonDir), head: commitAt(commonDir), lock: null }]
  const others = allAdmins(commonDir).flatMap(admin => {
    const path = pathOf(admin)
    return path
      ? [
          {
            path,
            branch: branchAt(admin),
            head: commitAt(admin),
            lock: existsSync(join(admin, 'locked')) ? (firstLine(join(admin, 'locked')) ?? '') : null,
          },
        ]
      : []
  })
  return [...main, ...others]
}

/** Completes the git folders in which a kill left no `commondir`: one such is enough to make git fail for all worktrees. */
export function completeAdminFolders(commonDir: string, isBusy: (path: string) => boolean): void {
  for (const admin of allAdmins(commonDir)) {
    const path = pathOf(admin)
    if (firstLine(join(admin, 'commondir')) !== null || (path && isBusy(path))) continue
    try {
      // What git writes there is always the same.
      writeFileSync(join(admin, 'commondir'), '../..\n')
    } catch (failure) {
      // It belongs to another agent, and has disappeared as a whole since it was listed.
      if (!isGone(failure)) throw failure
    }
  }
}

/** The git folders (`worktrees/*` of the common one) that say they belong to this path. More than one only after a kill. */
export function adminFolders(commonDir: string, path: string): string[] {
  return allAdmins(commonDir).filter(admin => {
    const owner = pathOf(admin)
    return owner !== null && realPath(owner) === realPath(path)
  })
}

/** Git folders of a kill's first moment: begun under this path's name, and not yet belonging to any path. */
export function nascentAdminFolders(commonDir: string, name: string): string[] {
  return allAdmins(commonDir)
    .filter(admin => basename(admin).startsWith(name) && /^\d*$/.test(basename(admin).slice(name.length)))
    .filter(admin => pathOf(admin) === null && !existsSync(join(admin, 'index')))
}

/** Git folders that a killed `git worktree remove` left. One that is only being made belongs to no path either, but is locked, or empty yet. */
export function halfRemovedAdminFolders(commonDir: string, name: string): string[] {
  return allAdmins(commonDir)
    .filter(admin => basename(admin).startsWith(name) && /^\d*$/.test(basename(admin).slice(name.length)))
    .filter(admin => pathOf(admin) === null && namesIn(admin).length > 0 && !existsSync(join(admin, 'locked')))
}

/** The git folders of all worktrees, whole or not. */
function allAdmins(commonDir: string): string[] {
  const folder = join(commonDir, 'worktrees')
  return namesIn(folder).map(name => join(folder, name))
}

/** Empty for a folder that is not there, or not any more: other agents make and remove worktrees all the time. */
function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch (failure) {
    if (isGone(failure)) return []
    throw failure
  }
}

const isGone = (failure: unknown) => ['ENOENT', 'ENOTDIR'].includes((failure as NodeJS.ErrnoException).code ?? '')

/** Each worktree's folder as it really is, and its git folder; by files, without git. */
export function worktreesIn(commonDir: string): { path: string; admin: string; branch: string | null }[] {
  return allAdmins(commonDir).flatMap(admin => {
    const path = pathOf(admin)
    return path === null ? [] : [{ path: realPath(path), admin, branch: branchAt(admin) }]
  })
}

/** The commit that a git folder's HEAD names itself, or null. */
const commitAt = (gitDir: string) => /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.exec(firstLine(join(gitDir, 'HEAD')) ?? '')?.[0] ?? null

/** The branch that a git folder's HEAD names, or null. */
export const branchAt = (gitDir: string) => /^ref: refs\/heads\/(.+)$/.exec(firstLine(join(gitDir, 'HEAD')) ?? '')?.[1] ?? null

function pathOf(admin: string): string | null {
  const target = firstLine(join(admin, 'gitdir'))
  return target === null ? null : dirname(resolve(admin, target))
}

/** Whether a folder has, or had, a `.git` that leads elsewhere: a repository of its own, with a history that is nowhere else. */
export function isForeign(path: string, admins: string[]): boolean {
  if (existsSync(join(path, PUT_ASIDE))) return true
  const found = gitFolderOf(path)
  return found !== null && !admins.some(admin => realPath(admin) === found)
}

/** A path with its existing part made real, so that two spellings of one place are equal. */
export function realPath(path: string): string {
  try {
    return realpathSync.native(path)
  } catch {
    const above = dirname(path)
    return above === path ? path : join(realPath(above), path.slice(above.length))
  }
}

function firstLine(file: string): string | null {
  try {
    return plainText(file)?.split('\n')[0] || null
  } catch {
    return null
  }
}
