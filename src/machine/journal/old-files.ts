import { existsSync, lstatSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { readJson } from '../../core/json.ts'
import { heldRuns } from './held-runs.ts'

/** At this size the file of metrics begins anew; the old one is kept beside it. */
const METRICS_BYTES = 8 * 1024 ** 2

/**
 * Deletes old files of the state folder that belong to no run: metrics, and lock files that `unlock` moved away, once they are old and
 * the worktree that they name is gone. Losing a race against another process that does the same is no fault.
 */
export function pruneOldFiles(home: string, olderThanMs: number, now: number): void {
  const isOld = (path: string) => {
    const entry = lstatSync(path, { throwIfNoEntry: false })
    return entry !== undefined && now - entry.mtimeMs > olderThanMs
  }
  const released = join(home, 'locks', 'released')
  for (const name of existsSync(released) ? readdirSync(released) : []) {
    const path = join(released, name)
    if (isOld(path) && !namesWork(path)) rmSync(path, { force: true })
  }
  const [metrics, before] = [join(home, 'metrics.jsonl'), join(home, 'metrics.1.jsonl')]
  for (const path of [metrics, before]) if (isOld(path)) rmSync(path, { force: true })
  // Rename it instead of rewriting it: a hook that has it open just now can still append its line.
  if ((lstatSync(metrics, { throwIfNoEntry: false })?.size ?? 0) > METRICS_BYTES) renameSync(metrics, before)
}

/** Whether the lock file tells of a worktree that is still there, or cannot be read. */
function namesWork(path: string): boolean {
  try {
    const { worktree_path: worktree } = readJson(readFileSync(path, 'utf8'))
    return typeof worktree === 'string' && existsSync(worktree)
  } catch {
    // A person has to find out what it was about.
    return true
  }
}

/** The names that a clone has while it is made, and before it is deleted. They never hold anybody's work. */
const HALF_CLONE = /^\.(?:making|going)-(run_[0-9a-z]{26})$/

/** Deletes what kills have left of clones that were being made or deleted, for runs that no lock file names any more. */
export async function pruneHalfClones(home: string): Promise<void> {
  const folders = (path: string) =>
    existsSync(path)
      ? readdirSync(path, { withFileTypes: true }).flatMap(entry => (entry.isDirectory() ? [join(path, entry.name)] : []))
      : []
  const halves = folders(join(home, 'clones'))
    .flatMap(folders)
    .flatMap(path => {
      const runId = HALF_CLONE.exec(basename(path))?.[1]
      return runId ? [{ path, runId }] : []
    })
  if (halves.length === 0) return
  // After they were listed: a run has its lock file before it makes anything.
  const held = heldRuns(home)
  if (held.unclear !== null) return
  for (const { path, runId } of halves) if (!held.ids.has(runId)) await rm(path, { recursive: true, force: true, maxRetries: 3 })
}
