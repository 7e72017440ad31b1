import { existsSync, rmdirSync, statfsSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { ERRORS } from '../../core/errors.ts'
import { removeFile, replaceFile } from '../../machine/files/durable-file.ts'
import { tryLocks } from '../../machine/locks/lock-trial.ts'
import { lookAtStateFolder, makeFolder } from '../../machine/locks/state-folder.ts'
import { type Check, fail, ok, warn } from './check.ts'

/**
 * The state folder: it can be written to as the lock file is (temporary file, fsync, rename, fsync), it can be locked against another
 * process, and only its owner can read it.
 */
export const stateFolder: Check = {
  name: 'state folder',
  examine({ config: { values }, self }) {
    const { home } = values
    const made = makeHome(home)
    const probe = join(home, `doctor-${process.pid}`)
    try {
      const { refusal, loose, foreign } = lookAtStateFolder(home)
      if (refusal !== null) return fail(ERRORS.STATE_UNUSABLE, refusal)
      replaceFile(probe, 'probe')
      removeFile(probe)
      const trial = tryLocks(home, self)
      if (!trial.hold) return fail(ERRORS.STATE_UNUSABLE, `locks do not work in ${home}: ${trial.says}`)
      if (loose.length > 0)
        return warn(`others can write to ${loose.map(folder => folder.path).join(', ')}`, 'A run makes it private (0700).')
      const mode = statSync(home).mode & 0o777
      if ((mode & 0o077) !== 0)
        return warn(`${home} can be read by others (mode ${mode.toString(8).padStart(4, '0')})`, `chmod 700 ${home}`)
      if (foreign !== null)
        return warn(
          `${home} is on ${foreign}; its locks hold among the processes of this machine`,
          'Let no other machine use the same folder.',
        )
      return ok(made === null ? home : `${home} can be made`)
    } catch (thrown) {
      return fail(ERRORS.STATE_UNUSABLE, `${home}: ${(thrown as Error).message}`)
    } finally {
      removeMade(home, made)
    }
  },
}

/** Free space where state and work are kept. */
export const disk: Check = {
  name: 'disk space',
  examine({ config: { values } }) {
    const places = [...new Set([values.home, values.repo, values.worktreeBase].map(existing))]
    const measured = places.map(path => ({ path, ...space(path) }))
    const full = measured.find(place => place.free < values.minFreeDisk)
    if (full)
      return fail(
        ERRORS.STATE_UNUSABLE,
        `${size(full.free)} free at ${full.path}; ${size(values.minFreeDisk)} are wanted (minFreeDisk)`,
        'Make room.',
      )
    const noFiles = measured.find(place => place.inodes !== null && place.inodes < 1000)
    if (noFiles) return fail(ERRORS.STATE_UNUSABLE, `only ${noFiles.inodes} more files fit at ${noFiles.path}`, 'Make room.')
    return ok(`${size(Math.min(...measured.map(place => place.free)))} free`)
  },
}

/** Makes the folder and returns the topmost one that had to be made; null when none. Does not throw: the probe finds out. */
function makeHome(home: string): string | null {
  try {
    return makeFolder(home)
  } catch {
    return null
  }
}

/** Removes what was made for the look, unless somebody has begun to use the folder in the meantime. */
function removeMade(home: string, made: string | null): void {
  try {
    for (let folder = home; made !== null && folder.length >= made.length; folder = dirname(folder)) rmdirSync(folder)
  } catch {
    // It is in use, so it stays.
  }
}

function existing(path: string): string {
  return existsSync(path) || path === dirname(path) ? path : existing(dirname(path))
}

function space(path: string): { free: number; inodes: number | null } {
  const { bavail, bsize, files, ffree } = statfsSync(path)
  // Some file systems (btrfs) count no files.
  return { free: Math.floor((bavail * bsize) / 1024 ** 2), inodes: files === 0 ? null : ffree }
}

const size = (megabytes: number) => (megabytes < 10_240 ? `${megabytes} MB` : `${Math.floor(megabytes / 1024)} GB`)
