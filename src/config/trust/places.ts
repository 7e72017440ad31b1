import { readdirSync, realpathSync } from 'node:fs'
import { basename, dirname, join, sep } from 'node:path'
import { HOOK_SUFFIXES, HOOKS } from '../../core/ports/hooks.ts'

/** Where trust is recorded: one file per repository, in the state folder. */
export const trustFolder = (home: string) => join(home, 'trusted')

/** Whether any repository is trusted; without loading what can say which. */
export const hasTrust = (home: string) => namesIn(trustFolder(home)).some(name => name.endsWith('.json'))

/** The files of a folder that are hooks by their name, in no order; also those that cannot be run. */
export function hookFiles(folder: string): string[] {
  return namesIn(folder).filter(name => HOOKS.some(hook => HOOK_SUFFIXES.some(suffix => name === hook + suffix)))
}

/** Whether a path, links followed, is in the repository and not in what git keeps there. */
export function isInside(repo: string, path: string): boolean {
  const real = realPath(path)
  return isBelow(real, repo) && !isBelow(real, join(repo, '.git'))
}

const isBelow = (path: string, folder: string) => path === folder || path.startsWith(folder.endsWith(sep) ? folder : folder + sep)

/** A path without links, as far as it is there. */
export function realPath(path: string): string {
  try {
    return realpathSync.native(path)
  } catch {
    return dirname(path) === path ? path : join(realPath(dirname(path)), basename(path))
  }
}

/** What is in a folder; nothing when there is none, or it cannot be read. */
export function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}
