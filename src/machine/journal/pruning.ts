import { existsSync, lstatSync, readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setImmediate as yieldTurn } from 'node:timers/promises'
import { readJson } from '../../core/json.ts'
import { type HeldRuns, heldRuns } from './held-runs.ts'
import { pruneOldFiles } from './old-files.ts'

/** How much of finished runs is kept. */
export interface PruneLimits {
  olderThanMs: number
  /** The bytes on disk of all runs, unfinished ones included. */
  bytes: number
}

export interface Pruned {
  /** The ids of the runs that were deleted, the one that ended first at the head. */
  runs: string[]
  /** Why nothing, or not everything, was deleted; null when all went well. */
  problem: string | null
}

const RUN_ID = /^run_[0-9a-z]{26}$/
const TRASH = '.trash-'
/** The time of its last change is the time of the last pruning. */
const STAMP = '.pruned'
const EVERY_MS = 3_600_000

/** Prunes runs and other old files, unless a runner of this machine did so within the last hour; then it returns null at once. */
export async function pruneWhenDue(home: string, limits: PruneLimits, now = Date.now()): Promise<Pruned | null> {
  const stamp = join(home, 'runs', STAMP)
  const last = statSync(stamp, { throwIfNoEntry: false })?.mtimeMs
  // A time in the future comes from a wrong clock.
  if (last !== undefined && last <= now && now - last < EVERY_MS) return null
  pruneOldFiles(home, limits.olderThanMs, now)
  const pruned = await pruneRuns(home, limits, now)
  writeFileSync(stamp, '', { mode: 0o600 })
  utimesSync(stamp, now / 1000, now / 1000)
  return pruned
}

/**
 * Deletes the files of runs that ended long ago, and of those that ended first while all take too much room. Never those of a run that a
 * lock file names, nor of one whose kept workspace is still there; nothing at all while a lock file cannot be read. A kill at any moment
 * leaves whole runs and trash, which the next one deletes. Any number of processes may do it at once.
 */
export async function pruneRuns(home: string, limits: PruneLimits, now = Date.now()): Promise<Pruned> {
  const folder = join(home, 'runs')
  const entries = existsSync(folder) ? readdirSync(folder, { withFileTypes: true }) : []
  for (const { name } of entries) if (name.startsWith(TRASH)) await rm(join(folder, name), { recursive: true, force: true }).catch(() => {})
  // After the runs were listed: a run writes its lock file first, so each of these that has not ended is held.
  const held = heldRuns(home)
  if (held.unclear !== null) return { runs: [], problem: `${held.unclear} cannot be read, so no run is deleted` }

  const stored: Stored[] = []
  for (const entry of entries) {
    if (!entry.isDirectory() || !RUN_ID.test(entry.name)) continue
    const run = measure(join(folder, entry.name), entry.name)
    if (run) stored.push(run)
    // The runner has more urgent things to do.
    await yieldTurn()
  }
  let size = stored.reduce((sum, run) => sum + run.bytes, 0)
  const pruned: Pruned = { runs: [], problem: null }
  for (const run of stored.sort((a, b) => a.endedAt - b.endedAt)) {
    if (now - run.endedAt <= limits.olderThanMs && size <= limits.bytes) break
    if (isHeld(run, held)) continue
    try {
      await remove(folder, run.id)
      size -= run.bytes
      pruned.runs.push(run.id)
    } catch (error) {
      // Another runner was quicker.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
        pruned.problem = `the files of ${run.id} cannot be deleted: ${(error as Error).message}`
    }
  }
  return pruned
}

interface Stored {
  id: string
  bytes: number
  /** Epoch milliseconds of its result, or of its last change when it has none. */
  endedAt: number
  /** The text of its `result.json`; null when it has none. */
  result: string | null
}

/** Null when it is gone meanwhile. */
function measure(path: string, id: string): Stored | null {
  try {
    const ended = statSync(join(path, 'result.json'), { throwIfNoEntry: false })
    const run: Stored = { id, bytes: 0, endedAt: ended?.mtimeMs ?? lstatSync(path).mtimeMs, result: null }
    if (ended) run.result = readFileSync(join(path, 'result.json'), 'utf8')
    for (const entry of readdirSync(path, { recursive: true, withFileTypes: true })) {
      const { blocks, mtimeMs } = lstatSync(join(entry.parentPath, entry.name))
      run.bytes += blocks * 512
      if (!ended) run.endedAt = Math.max(run.endedAt, mtimeMs)
    }
    return run
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
}

function isHeld(run: Stored, held: HeldRuns): boolean {
  if (held.ids.has(run.id) || (held.unended && run.result === null)) return true
  if (run.result === null) return false
  try {
    const { kept } = readJson(run.result)
    return typeof kept === 'string' && lstatSync(kept, { throwIfNoEntry: false }) !== undefined
  } catch {
    // Better keep a few files too many than lose the trace of work that is still somewhere.
    return true
  }
}

/** Moves it out of sight first, in one step, so that nobody finds half a run. */
async function remove(folder: string, id: string): Promise<void> {
  const trash = join(folder, `${TRASH}${id}-${process.pid}`)
  await rename(join(folder, id), trash)
  await rm(trash, { recursive: true, force: true })
}
