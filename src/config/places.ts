import { existsSync, realpathSync, statSync } from 'node:fs'
import { dirname, isAbsolute, join, resolve } from 'node:path'
import { RunnerError } from '../core/errors.ts'
import { homeFolder } from '../machine/process/home-folder.ts'
import type { Setting } from './setting.ts'
import type { Source } from './source.ts'

/** The folder that a relative path is relative to: the place where it was written. */
export interface Bases {
  cwd: string
  repo: string
  home: string
}

/** A path as an absolute one. A command without a slash stays a name, to be looked for on PATH. Throws CONFIG_INVALID. */
export function absolute(row: Setting, value: string, source: Source, bases: Bases): string {
  if (row.kind === 'command' && !value.includes('/')) return value
  const expanded = value === '~' || value.startsWith('~/') ? join(home(row, value), value.slice(1)) : value
  if (isAbsolute(expanded)) return resolve(expanded)
  if (source.kind === 'flag' || source.kind === 'environment') return resolve(bases.cwd, expanded)
  return resolve(source.kind === 'user' ? bases.home : bases.repo, expanded)
}

function home(row: Setting, value: string): string {
  const folder = homeFolder()
  if (folder !== null) return folder
  const name = row.env[0] ?? value
  throw new RunnerError('CONFIG_INVALID', `${name} is in the home folder, and this user has none`, {
    advice: `Set HOME, or ${name}, to an absolute path.`,
  })
}

/** The nearest folder upwards that holds `.git`, so that a runner started in a subfolder finds its repository; else the folder itself. */
export function repositoryAround(cwd: string): string {
  for (let folder = resolve(cwd); ; folder = dirname(folder)) {
    if (existsSync(join(folder, '.git'))) return folder
    if (folder === dirname(folder)) return resolve(cwd)
  }
}

/** The folder's real path, or null when it is no folder. */
export function realFolder(path: string): string | null {
  try {
    return statSync(path).isDirectory() ? realpathSync.native(path) : null
  } catch {
    return null
  }
}
