import { randomBytes } from 'node:crypto'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { runNow } from '../process/run-now.ts'
import { takeLock } from './os-lock.ts'

/** Exit code of the second process when it was kept out, as it should be. */
const KEPT_OUT = 75
const LONGEST_MS = 10_000

export interface LockTrial {
  /** False also when it could not be tried. */
  hold: boolean
  says: string
}

/**
 * Tries whether a lock in this folder keeps another process out: takes one and has a second process, this program started with
 * `try-lock PATH`, try to take it too. It must be another process, since the system's locks do not hold within one. Never throws.
 */
export function tryLocks(folder: string, self: string[]): LockTrial {
  const path = join(folder, `.trial-${process.pid}-${randomBytes(4).toString('hex')}`)
  try {
    const lock = takeLock(path)
    if (!lock) return { hold: false, says: 'a lock that nobody holds could not be taken' }
    try {
      const [file = '', ...args] = [...self, 'try-lock', path]
      const second = runNow({ need: 'own', file, args, timeoutMs: LONGEST_MS })
      if (second.status === KEPT_OUT) return { hold: true, says: 'a lock keeps other processes out' }
      if (second.status === 0) return { hold: false, says: 'two processes could take the same lock' }
      const why = second.error?.message ?? second.stderr.toString().trim().split('\n').at(-1) ?? `exit code ${second.status}`
      return { hold: false, says: `a second process could not try one: ${why}` }
    } finally {
      lock.release()
    }
  } catch (error) {
    return { hold: false, says: (error as Error).message }
  } finally {
    rmSync(path, { force: true })
  }
}

/** The second process: returns the code with which it is to exit. Throws STATE_UNUSABLE where the disk cannot lock. */
export function trySecond(path: string): number {
  const lock = takeLock(path, 0)
  lock?.release()
  return lock ? 0 : KEPT_OUT
}
