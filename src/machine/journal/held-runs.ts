import { lstatSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { lastBytes } from '../files/file-chunks.ts'
import { readLockFile } from './lock-file.ts'

/** Which runs nobody may delete, as far as the lock files tell. */
export interface HeldRuns {
  ids: Set<string>
  /** A lock file that cannot be read, so that it may name any run. Null when all can be read. */
  unclear: string | null
  /** Whether a lock file that was put away names no run: it may be about any run that has not ended. */
  unended: boolean
}

/** A run id anywhere in a text: prefix and UUIDv7, as in all TypeIDs. */
const RUN_ID = /run_[0-9a-z]{26}/g
const LONGEST = 1024 * 1024

/**
 * The runs that any lock file names: of an unfinished run, set aside because it could not be read, or moved away by `unlock`. Those in
 * use come before those that were moved, so that one on its way is seen in one place or the other.
 */
export function heldRuns(home: string): HeldRuns {
  const held: HeldRuns = { ids: new Set(), unclear: null, unended: false }
  const locks = join(home, 'locks')
  for (const name of names(locks)) {
    if (!name.startsWith('agent-')) continue
    const path = join(locks, name)
    if (name.endsWith('.lock')) inUse(path, held)
    else if (name.includes('.lock.unreadable-')) putAway(path, held)
  }
  for (const name of names(join(locks, 'released'))) putAway(join(locks, 'released', name), held)
  return held
}

function inUse(path: string, held: HeldRuns): void {
  try {
    held.ids.add(readLockFile(path).runId)
  } catch (error) {
    // Its run has ended in the meantime.
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') held.unclear = path
  }
}

/** Nobody goes on with such a file, but a person may want to know what it was about. Even a broken one may name its run. */
function putAway(path: string, held: HeldRuns): void {
  const found = lstatSync(path, { throwIfNoEntry: false })?.isFile() ? (lastBytes(path, LONGEST).match(RUN_ID) ?? []) : []
  for (const id of found) held.ids.add(id)
  if (found.length === 0) held.unended = true
}

function names(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}
