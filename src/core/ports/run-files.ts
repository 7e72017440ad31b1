import type { StampedEvent } from '../event.ts'

/** Files that belong to one run, under `runs/{run}/`. */
export interface RunFiles {
  /** The folder; made on first use. */
  folder(runId: string): string
  /** Replaces a file of the run durably and returns its path. */
  write(runId: string, name: string, text: string): string
  /** Deletes a file of the run; one that is not there is as good as deleted. */
  drop(runId: string, name: string): void
  /** Deletes what a kill left half written in the run's folder. For the end of a run, when nobody writes there. */
  tidy(runId: string): void
  /** The path of a file in the state folder that belongs to no run. */
  stateFile(name: string): string
  /** Adds an event to its run's timeline. */
  append(event: StampedEvent): void
  /** A file of the run; null when it is not there. */
  read(runId: string, name: string): string | null
  /** Events of the timeline from a place in its file on, at most so many and so many bytes of them (but one in any case), and the place behind them. */
  eventsFrom(runId: string, offset: number, most: { events: number; bytes: number }): { events: StampedEvent[]; end: number }
  /** The run's timeline so far, oldest first. */
  events(runId: string): StampedEvent[]
}
