import type { EndReason } from '../ends.ts'
import type { Wait } from '../wait.ts'

/** What several ends in a row say about the surroundings of all tasks (model API, network, agent CLI). */
export interface Outage {
  /** The reason of the last end. */
  reason: EndReason
  /** What was said about it, for people. */
  said: string
  /** Epoch milliseconds of the first. */
  since: number
  /** How many ends there were. */
  ends: number
  /** Ids of the tasks that met it. */
  tasks: string[]
  /** Nothing is tried before this is over. */
  wait: Wait
}

/** Counts the ends in a row for which no task is to blame, across tasks and restarts, for one agent. */
export interface Breaker {
  /** The ends so far; null when the last one was of another kind. */
  current(): Outage | null
  /** Counts one more. `pause` turns their number into the milliseconds for which nothing is tried. */
  failed(end: { reason: EndReason; said: string; taskId: string }, pause: (ends: number) => number): Outage
  /** Something got through: the count begins anew. */
  mended(): void
}
