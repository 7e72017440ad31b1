import type { RunRecord } from '../run.ts'

/** The agent's journal on disk (the lock file). There ⇔ this agent has an unfinished task. */
export interface Journal {
  /** The unfinished run; null when there is none. A file that cannot be read is set aside and reported in `setAside`. */
  load(): { record: RunRecord | null; setAside: string | null }
  /**
   * Replaces the record durably: it survives a kill at any moment, whole. With `beside` it survives every kill at once, and a power cut a
   * few milliseconds later, before the next save; until then the record before may come back, never an older one. `beside` is for steps
   * that may be repeated.
   */
  save(record: RunRecord, durable?: 'before' | 'beside'): void
  /** Deletes the lock file durably. Deleting twice is the same as deleting once. */
  remove(): void
  /** The record of another agent of this state folder whose lock file has the run as its own too; null for none. */
  sharedWith(runId: string): RunRecord | null
}
