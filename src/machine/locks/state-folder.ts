import { accessSync, chmodSync, constants, existsSync, mkdirSync, statfsSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { RunnerError } from '../../core/errors.ts'
import { privateFolder } from '../files/durable-file.ts'
import { tryLocks } from './lock-trial.ts'

/** What was found of a state folder. */
export interface StateFolderLook {
  /** Why no runner may start on it; null when one may. */
  refusal: string | null
  /** Its folders that others can write to, with their modes. */
  loose: { path: string; mode: number }[]
  /** The kind of file system, where locks must be tried before they are trusted; null on an ordinary disk. */
  foreign: string | null
}

/** File systems that come over a network or from another program, by their number in Linux's magic.h. */
const FOREIGN = new Map([
  [0x6969, 'NFS'],
  [0x517b, 'SMB'],
  [0xff534d42, 'CIFS'],
  [0xfe534d42, 'SMB2'],
  [0x01021997, '9p'],
  [0x65735546, 'FUSE'],
  [0x00c36400, 'Ceph'],
  [0x0bd00bd0, 'Lustre'],
  [0x5346414f, 'AFS'],
  [0x73757245, 'Coda'],
  [0x47504653, 'GPFS'],
  [0x19830326, 'BeeGFS'],
  [0x786f4256, 'vboxsf'],
])

/**
 * Makes the state folder usable and private. Returns what had to be changed, one sentence each. Throws STATE_UNUSABLE, with the reason,
 * for what is no folder, is read-only or full, belongs to somebody else, can be written by others, or cannot lock. `self` starts this
 * program; it is used only on the `untrusted` file systems, where locks must be tried.
 */
export function openStateFolder(home: string, self: string[], untrusted: ReadonlyMap<number, string> = FOREIGN): string[] {
  try {
    makeFolder(home)
    for (const folder of foldersOf(home)) privateFolder(folder)
  } catch (error) {
    throw unusable(lookAtStateFolder(home).refusal ?? `the state folder ${home} cannot be used: ${(error as Error).message}`, error)
  }
  const { refusal, loose, foreign } = lookAtStateFolder(home, untrusted)
  if (refusal !== null) throw unusable(refusal)
  const changed = loose.map(tighten)
  if (foreign !== null) {
    const trial = tryLocks(join(home, 'locks'), self)
    if (!trial.hold) throw unusable(`the state folder ${home} is on ${foreign}, where locks do not work: ${trial.says}`)
  }
  return changed
}

/** Looks at a state folder, or at what there is of it, and changes nothing. Never throws. */
export function lookAtStateFolder(home: string, untrusted: ReadonlyMap<number, string> = FOREIGN): StateFolderLook {
  const look: StateFolderLook = { refusal: null, loose: [], foreign: null }
  try {
    for (const path of foldersOf(home)) {
      const entry = statSync(path, { throwIfNoEntry: false })
      if (!entry) continue
      look.refusal ??= refusalOf(path, entry)
      if ((entry.mode & 0o022) !== 0) look.loose.push({ path, mode: entry.mode & 0o7777 })
    }
    const there = nearest(home)
    if (there !== home) look.refusal ??= cannotMake(home, there)
    look.refusal ??= fullness(there)
    if (process.platform === 'linux') look.foreign = untrusted.get(statfsSync(there).type >>> 0) ?? null
  } catch (error) {
    look.refusal ??= `the state folder ${home} cannot be used: ${(error as Error).message}`
  }
  return look
}

/**
 * Makes a private folder with everything that is missing above it, and returns the topmost one that was made; null when it was there. It
 * makes them one by one, because Node's own recursive way never ends on a file system that shows nothing and lets nothing be made
 * (/proc).
 */
export function makeFolder(path: string): string | null {
  if (existsSync(path)) return null
  const above = dirname(path) === path ? null : makeFolder(dirname(path))
  try {
    mkdirSync(path, { mode: 0o700 })
    return above ?? path
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return above
    throw error
  }
}

/** The folder itself, or the nearest one above it that is there. */
function nearest(path: string): string {
  return existsSync(path) || dirname(path) === path ? path : nearest(dirname(path))
}

const foldersOf = (home: string) => [home, join(home, 'locks'), join(home, 'runs')]

function refusalOf(path: string, entry: { uid: number; isDirectory(): boolean }): string | null {
  if (!entry.isDirectory()) return `the state folder cannot be used: ${path} is not a folder`
  // This holds even for root: files that root makes there would lock out the user to whom the folder belongs.
  if (process.getuid && entry.uid !== process.getuid())
    return `the state folder cannot be used: ${path} belongs to another user (uid ${entry.uid})`
  try {
    accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK)
    return null
  } catch (error) {
    return `the state folder cannot be used: ${path} ${whyClosed(error)}`
  }
}

/** Why a missing state folder cannot be made. */
function cannotMake(home: string, there: string): string | null {
  try {
    accessSync(there, constants.W_OK | constants.X_OK)
    return statSync(there).isDirectory() ? null : `the state folder ${home} cannot be made: ${there} is not a folder`
  } catch (error) {
    return `the state folder ${home} cannot be made: ${there} ${whyClosed(error)}`
  }
}

function whyClosed(error: unknown): string | undefined {
  const { code } = error as NodeJS.ErrnoException
  return code === 'EROFS' ? 'is on a read-only file system' : code === 'EACCES' ? 'cannot be written to' : code
}

/** The first thing that a runner does is to write; it is better to say why it cannot than to fail at it. */
function fullness(home: string): string | null {
  const { bavail, bfree, blocks, files, ffree } = statfsSync(home)
  const free = process.getuid?.() === 0 ? bfree : bavail
  // Some file systems count no blocks or files.
  if (blocks > 0 && free === 0) return `the state folder cannot be used: no space is left on the disk of ${home}`
  if (files > 0 && ffree === 0) return `the state folder cannot be used: no more files fit on the disk of ${home}`
  return null
}

function tighten({ path, mode }: { path: string; mode: number }): string {
  const octal = mode.toString(8).padStart(4, '0')
  try {
    chmodSync(path, 0o700)
  } catch (error) {
    throw unusable(`others can write to ${path} (mode ${octal}), and that cannot be changed: ${(error as Error).message}`, error)
  }
  // Some file systems take every mode and keep none.
  if ((statSync(path).mode & 0o022) !== 0) throw unusable(`others can write to ${path} (mode ${octal}), and its file system keeps no modes`)
  return `others could write to ${path} (mode ${octal}); now it is for its owner alone (0700)`
}

function unusable(message: string, cause?: unknown): RunnerError {
  return new RunnerError('STATE_UNUSABLE', message, { cause })
}
