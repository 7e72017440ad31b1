import { readFileSync } from 'node:fs'
import { RunnerError } from '../../core/errors.ts'

/** The least that a runner with its hooks, git, supervisor and agent CLI needs: with less, one of them fails somewhere on the way. */
const NEEDS = [
  { limit: 'Max open files', least: 64, noun: 'open files' },
  { limit: 'Max processes', least: 64, noun: 'processes and threads' },
]

/**
 * Ends a start that has no room, before anything is begun. Throws SYSTEM_SHORT. The limits are known on Linux alone, where root has no
 * limit of processes. It cannot foresee that other programs of the user take up the room.
 */
export function requireRoom(limits = ownLimits(), isRoot = process.geteuid?.() === 0): void {
  for (const { limit, least, noun } of NEEDS) {
    if (noun !== 'open files' && isRoot) continue
    const soft = limits
      .split('\n')
      .find(line => line.startsWith(limit))
      ?.slice(limit.length)
      .trim()
      .split(/\s+/)[0]
    if (soft === undefined || soft === 'unlimited' || Number(soft) >= least) continue
    throw new RunnerError('SYSTEM_SHORT', `this process may have ${soft} ${noun}, and needs ${least}`)
  }
}

function ownLimits(): string {
  try {
    return readFileSync('/proc/self/limits', 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return ''
    throw error
  }
}
