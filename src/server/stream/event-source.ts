import type { ControlPlane } from '../../board/control-plane.ts'
import { eventShape } from '../api/shapes.ts'
import type { EventSource } from './event-feed.ts'

/** The timeline of the control plane as a customer may see it, null for all; nothing of others is read. */
export function eventSource(plane: ControlPlane, customer: string | null): EventSource {
  const caller = { customer, name: 'the event feed' }
  return {
    async read(after, limit, runId) {
      const { items, next } = await plane.events.page(caller, runId, { after, limit })
      return { events: items.map(eventShape), next }
    },
    newest: () => plane.events.last(),
    mark: () => plane.mark(),
    changed: (since, ms, signal) => plane.changed(since, ms, signal),
  }
}
