import type { Values } from '../../config/schema.ts'
import { removeOldGroups } from '../../machine/process/groups.ts'

/** How often the runner checks whether somebody has pruned lately, in milliseconds. */
const LOOK_MS = 900_000

/**
 * Deletes files of old runs, empty cgroups and halves of clones beside the work: now, and then about once an hour over all runners of the
 * machine. `tell` gets each obstacle once. Returns a function that ends it; the next runner finishes a deletion that was cut off.
 */
export function startHousekeeping({ home, keepRunsDays, keepRunsSize }: Values, tell: (message: string) => void): () => void {
  const limits = { olderThanMs: keepRunsDays * 86_400_000, bytes: keepRunsSize * 1024 ** 2 }
  const told = new Set<string>()
  const once = (message: string) => {
    if (!told.has(message)) tell(`old runs: ${message}`)
    told.add(message)
  }
  const look = async () => {
    try {
      removeOldGroups()
      const { pruneHalfClones } = await import('../../machine/journal/old-files.ts')
      await pruneHalfClones(home)
      const { pruneWhenDue } = await import('../../machine/journal/pruning.ts')
      const pruned = await pruneWhenDue(home, limits)
      if (pruned?.problem) once(pruned.problem)
    } catch (error) {
      once((error as Error).message)
    }
  }
  void look()
  const timer = setInterval(look, LOOK_MS).unref()
  return () => clearInterval(timer)
}
