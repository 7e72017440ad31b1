import { closeSync, fsync, fsyncSync, mkdirSync, openSync, readdirSync, renameSync, rmSync, unlinkSync, writeSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'

/**
 * Replaces a file so that a kill or a crash at any moment leaves the old or the new text, never a part: a temporary file beside it,
 * fsync, rename, fsync of the folder. Mode 0600. Throws what the disk says; the old file is whole then. `survives`: `kill` is enough for
 * a content that means nothing after the next boot; a power cut then leaves the old file or the new one (`or none`: perhaps an empty one,
 * for files that are not even read then).
 */
export function replaceFile(path: string, text: string, survives: 'power cut' | 'kill' | 'kill or none' = 'power cut'): void {
  const temporary = temporaryName(path)
  try {
    const file = openSync(temporary, 'wx', 0o600)
    try {
      const bytes = Buffer.from(text)
      // A short write is legal, and happens on a full disk just before ENOSPC.
      for (let written = 0; written < bytes.length; ) written += writeSync(file, bytes, written)
      if (survives !== 'kill or none') fsyncSync(file)
    } finally {
      closeSync(file)
    }
    renameSync(temporary, path)
  } catch (error) {
    rmSync(temporary, { force: true })
    throw error
  }
  if (survives === 'power cut') syncFolder(dirname(path))
}

/** Moves a file (or a link, as it is) durably; both folders are on one disk. */
export function moveFile(path: string, target: string): void {
  renameSync(path, target)
  syncFolder(dirname(target))
  syncFolder(dirname(path))
}

/** Deletes a file durably. Deleting twice is the same as deleting once. */
export function removeFile(path: string): void {
  try {
    unlinkSync(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
  syncFolder(dirname(path))
}

/** Deletes the temporary files that a killed `replaceFile` of this path left. */
export function removeLeftovers(path: string): void {
  const start = `.${basename(path)}.`
  for (const name of readdirSync(dirname(path)))
    if (name.startsWith(start) && name.endsWith('.tmp')) rmSync(join(dirname(path), name), { force: true })
}

/** Deletes the temporary files that killed `replaceFile`s left anywhere below a folder. */
export function removeLeftoversBelow(folder: string): void {
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' }))
    if (LEFTOVER.test(basename(name))) rmSync(join(folder, name), { force: true })
}

/** A name beside a file, for content that must not be found under the file's own name yet. After a kill it is a leftover. */
export function temporaryName(path: string): string {
  // Without node:crypto, because loading it takes a supervisor longer than everything else.
  const random = Math.floor(Math.random() * 2 ** 32)
  return join(dirname(path), `.${basename(path)}.${process.pid}.${random.toString(16).padStart(8, '0')}.tmp`)
}

/** A name that `temporaryName` gives. */
const LEFTOVER = /^\..+\.\d+\.[0-9a-f]{8}\.tmp$/

/** Makes a folder that only its owner can read (0700), with its parents. */
export function privateFolder(path: string): string {
  mkdirSync(path, { recursive: true, mode: 0o700 })
  return path
}

/** Brings a folder to the disk while other work goes on. */
export class SyncBeside {
  readonly #path: string
  /** The file descriptor of the fsync that is under way. */
  #open: number | null = null

  constructor(path: string) {
    this.#path = path
  }

  begin(): void {
    const folder = openSync(this.#path, 'r')
    this.#open = folder
    fsync(folder, error => {
      closeSync(folder)
      // The next `finish` repeats a failed fsync, and says why it failed.
      if (!error && this.#open === folder) this.#open = null
    })
  }

  /** Returns when the folder is on the disk. Throws what the disk says. */
  finish(): void {
    if (this.#open === null) return
    syncFolder(this.#path)
    this.#open = null
  }
}

function syncFolder(path: string): void {
  const folder = openSync(path, 'r')
  try {
    fsyncSync(folder)
  } finally {
    closeSync(folder)
  }
}
