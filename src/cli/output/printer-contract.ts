import type { StampedEvent } from '../../core/event.ts'

/** A reader of events that shows them. Nothing in it throws or waits. */
export interface Printer {
  print(event: StampedEvent): void
  /** Holds everything back while something else (a question) has the terminal. */
  suspend(): void
  /** Shows what was held back and goes on. */
  resume(): void
  /** Puts the terminal back as it was. */
  close(): void
  /** Fires when nobody can read the output any more. */
  readonly gone: AbortSignal
}

/** How a printer is to behave on its stream. */
export interface PrinterOptions {
  /** Whether a live line tells what is going on; false for events of the past. */
  live?: boolean
  /** Leaves nothing out for slow readers; for commands that print and end. */
  complete?: boolean
  /** Whether to show what the agent thinks and what its tools answer. */
  verbose?: boolean
}
