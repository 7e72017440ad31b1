import { readFileSync } from 'node:fs'
import { processRow } from './process-table.ts'

/** prctl(2) and waitpid(2), by numbers that are the same on every Linux. */
const PR_SET_CHILD_SUBREAPER = 36
const WNOHANG = 1

type Native = (...args: (number | bigint)[]) => number
interface Ffi {
  dlopen(
    library: null,
    functions: Record<string, { arguments: string[]; return: string }>,
  ): { functions: Record<'prctl' | 'waitpid', Native> }
}

/**
 * Makes this process the parent of every orphan among its descendants, as init would be: a daemon of the agent's, however it was started,
 * is found below it as long as it lives. Null where the system or this Node cannot do that. Otherwise it returns a function that collects
 * orphans that have ended; `ours` is the child that somebody else waits for.
 */
export function adoptOrphans(): ((ours: number) => void) | null {
  const native = functionsOfTheSystem()
  if (native === null || native.prctl(PR_SET_CHILD_SUBREAPER, 1n, 0n, 0n, 0n) !== 0) return null
  return ours => {
    for (const pid of childrenOf(process.pid)) if (pid !== ours && processRow(pid) === null) native.waitpid(pid, 0n, WNOHANG)
  }
}

/** How long an ended child may wait to be collected by Node before it is taken for an orphan. */
const REAP_EVERY_MS = 2_000

/**
 * Collects orphans from now on when this is the first process of a container: there all orphans are its children, and stay as zombies
 * until it collects them. It takes those that Node has not collected between two looks. Does nothing in any other process.
 */
export function reapAsInit(pid = process.pid): void {
  const native = pid === 1 ? functionsOfTheSystem() : null
  if (native === null) return
  let ended = new Set<number>()
  setInterval(() => {
    const now = new Set(childrenOf(process.pid).filter(child => processRow(child) === null))
    for (const child of now.intersection(ended)) native.waitpid(child, 0n, WNOHANG)
    ended = now
  }, REAP_EVERY_MS).unref()
}

/** Whether `adoptOrphans` can do its work here. */
export const canAdoptOrphans = () => functionsOfTheSystem() !== null

function functionsOfTheSystem(): Record<'prctl' | 'waitpid', Native> | null {
  if (process.platform !== 'linux') return null
  // Node says that this module may change, which is ours to know and nobody's to read.
  const { emitWarning } = process
  process.emitWarning = () => {}
  try {
    const ffi = process.getBuiltinModule('node:ffi' as 'node:os') as unknown as Ffi | undefined
    const long = 'u64'
    return (
      ffi?.dlopen(null, {
        prctl: { arguments: ['i32', long, long, long, long], return: 'i32' },
        waitpid: { arguments: ['i32', long, 'i32'], return: 'i32' },
      }).functions ?? null
    )
  } catch {
    return null
  } finally {
    process.emitWarning = emitWarning
  }
}

function childrenOf(pid: number): number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number)
  } catch {
    return []
  }
}
