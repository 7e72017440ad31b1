import type { Stats } from 'node:fs'
import { constants, lstatSync } from 'node:fs'
import { access, lstat, readdir } from 'node:fs/promises'
import { basename } from 'node:path'
import { somePaths } from '../core/text/some-paths.ts'
import { fileAt, textOf } from '../git/file-names.ts'

/*
 * Files that git's status does not show: ignored files, and the content of repositories inside the checkout. Deletion would remove them
 * all the same.
 */

/** Folders that a build or a package manager makes again. One that bears a `CACHEDIR.TAG` counts too. */
const CACHE_FOLDERS = new Set(
  `node_modules bower_components jspm_packages __pycache__ .venv venv .tox .nox .eggs .pytest_cache .mypy_cache .ruff_cache .hypothesis
   target .gradle .m2 .next .nuxt .svelte-kit .turbo .parcel-cache .vite .cache .angular .terraform .dart_tool .stack-work`.split(/\s+/),
)
const CACHE_FILE = /\.(?:pyc|pyo|o|obj|class|tsbuildinfo)$|^(?:\.DS_Store|Thumbs\.db|\.eslintcache|\.stylelintcache)$/

/** If there is more than this, nothing is put into the repository, and the folder stays as it is. */
const MOST_FILES = 10_000
const MOST_BYTES = 256 * 1024 ** 2

/** Files below some paths of a checkout, build caches left out. */
export interface HiddenFiles {
  /** Files and links, each with its stamp. */
  files: Map<string, string>
  /** Repositories below the paths; their files are among the files, what is in their git folders is not. */
  repositories: string[]
  /** Build caches and the like, which do not count. */
  caches: string[]
  /** Why `files` are not all; null when they are. */
  incomplete: string | null
}

/**
 * The files below `paths`, in bounded time. A path that ends in `/` is a folder. `isKnown` says of a file, by its stamp, that it was
 * there before and is as it was. Sockets, pipes and empty folders hold nothing and are passed over; links are not followed.
 */
export async function hiddenFiles(
  top: string,
  paths: string[],
  isKnown: (path: string, stamp: string) => boolean = () => false,
): Promise<HiddenFiles> {
  const found: HiddenFiles = { files: new Map(), repositories: [], caches: [], incomplete: null }
  let bytes = 0
  // The last of the list is the next: deep trees need no deep stack.
  const open = [...paths].reverse()
  while (open.length > 0 && found.incomplete === null) {
    const path = open.pop()!
    try {
      if (path.endsWith('/')) await enter(path)
      else await take(path, await lstat(fileAt(top, path)))
    } catch (failure) {
      // A file that disappeared since it was listed is not lost by our deletion.
      const { code } = failure as NodeJS.ErrnoException
      if (code !== 'ENOENT' && code !== 'ENOTDIR') found.incomplete = `${somePaths([path])} cannot be read (${code})`
    }
  }
  return found

  async function enter(folder: string) {
    const names = (await readdir(fileAt(top, folder.slice(0, -1)), { encoding: 'buffer' })).map(textOf)
    if (CACHE_FOLDERS.has(basename(folder)) || names.includes('CACHEDIR.TAG')) {
      found.caches.push(folder)
      return
    }
    if (names.includes('.git')) found.repositories.push(folder.slice(0, -1))
    for (const name of names.sort().reverse()) if (name !== '.git') open.push(folder + name)
  }

  async function take(path: string, stats: Stats) {
    if (stats.isDirectory()) {
      open.push(`${path}/`)
      return
    }
    if (CACHE_FILE.test(basename(path))) found.caches.push(path)
    else if ((stats.isFile() || stats.isSymbolicLink()) && !isKnown(path, stampOf(stats))) {
      if (stats.isFile()) await access(fileAt(top, path), constants.R_OK)
      bytes += stats.size
      found.files.set(path, stampOf(stats))
      if (bytes > MOST_BYTES) found.incomplete = `they are larger than ${MOST_BYTES / 1024 ** 2} MB (${somePaths([path])} among them)`
      if (found.files.size > MOST_FILES) found.incomplete = `they are more than ${MOST_FILES} files`
    }
  }
}

/** The stamp of a path that may be gone, or out of reach. */
export function stampAt(top: string, path: string): string {
  try {
    return stampOf(lstatSync(fileAt(top, path)))
  } catch {
    return 'gone'
  }
}

/** Changes when a file does: its size, its times and its rights. */
function stampOf({ mode, size, mtimeMs, ctimeMs, ino }: Stats): string {
  return `${mode.toString(8)} ${size} ${mtimeMs} ${ctimeMs} ${ino}`
}
