import type { StampedEvent } from '../../core/event.ts'

/** The event itself as one line of JSON. */
export function jsonLine(event: StampedEvent): string {
  return JSON.stringify(event)
}
