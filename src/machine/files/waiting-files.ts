import { type Dirent, readdirSync, realpathSync, type Stats, statSync } from 'node:fs'
import { join, relative } from 'node:path'
import { kindOf } from './plain-file.ts'

/*
 * Git opens the files of its folder, and its ignore and attribute files, whatever they are. At a named pipe or a device in place of one
 * it would wait for ever. So git is not run where there is one.
 */

/** The folders of a git folder whose files any command may open. Objects are too many to look at; there a time limit must do. */
const FOLDERS = ['', 'info', 'objects/info']
const TREES = ['refs', 'logs']
/** What git reads at the top of a checkout. */
const AT_TOP = ['.gitattributes', '.gitignore', '.gitmodules']

/**
 * Says which file of a git folder would make git wait for ever; null when none would. `except`: paths in it that are repaired before
 * git works there.
 */
export function waitingIn(gitDir: string, except: string[] = []): string | null {
  return waitingAmong(
    [...FOLDERS, ...TREES]
      .flatMap(folder => oddIn(join(gitDir, folder), TREES.includes(folder)))
      .filter(({ parentPath, name }) => !except.includes(relative(gitDir, join(parentPath, name)))),
  )
}

/** The same for a command that reads the index alone, and opens no ref. */
export function waitingForIndex(gitDir: string): string | null {
  return waitingAmong(FOLDERS.flatMap(folder => oddIn(join(gitDir, folder), false)))
}

function waitingAmong(entries: Dirent[]): string | null {
  return entries.map(({ parentPath, name }) => waitingAt(join(parentPath, name))).find(found => found !== null) ?? null
}

/** The same of the files at the top of a checkout. */
export function waitingAtTop(checkout: string): string | null {
  return AT_TOP.map(name => waitingAt(join(checkout, name))).find(found => found !== null) ?? null
}

/** The same of one file. */
export function waitingAt(path: string): string | null {
  const stats = statOf(path)
  return stats && isEndless(stats) && realpathSync.native(path) !== '/dev/null' ? `${path} is ${kindOf(stats)}, not a file` : null
}

/** Null for what is gone, or a link that leads nowhere. */
function statOf(path: string): Stats | null {
  try {
    return statSync(path)
  } catch {
    return null
  }
}

/** A socket does not count: git cannot open it, and its own daemon has one there. */
const isEndless = (entry: Dirent | Stats) => entry.isFIFO() || entry.isCharacterDevice() || entry.isBlockDevice()

/** What a folder holds, with `deep` in its folders too, that is neither file nor folder. Not by `recursive` of Node, which takes ten times as long for a thousand refs. */
function oddIn(folder: string, deep: boolean): Dirent[] {
  const entries = entriesIn(folder)
  const below = deep ? entries.filter(entry => entry.isDirectory()).flatMap(({ name }) => oddIn(join(folder, name), deep)) : []
  return [...entries.filter(entry => isEndless(entry) || entry.isSymbolicLink()), ...below]
}

function entriesIn(folder: string): Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
  } catch {
    return []
  }
}
