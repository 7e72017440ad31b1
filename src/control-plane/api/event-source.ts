import { RunnerError } from '../../core/errors.ts'
import type { ControlPlane } from '../control-plane.ts'
import { ALL } from './auth.ts'
import type { EventSource, FeedEvent } from './event-feed.ts'
import { eventShape } from './shapes.ts'

/** The timeline of the control plane, as the feed reads it. */
export function eventSource(plane: ControlPlane): EventSource {
  // A project never changes hands, so whose it is need be asked once.
  const owners = new Map<string, string>()

  /** Null when the project has just been deleted, and its timeline with it. */
  async function ownerOf(projectId: string): Promise<string | null> {
    const known = owners.get(projectId)
    if (known !== undefined) return known
    try {
      const { customer } = await plane.projects.get(ALL, projectId)
      owners.set(projectId, customer)
      return customer
    } catch (error) {
      if (error instanceof RunnerError && error.code === 'NOT_FOUND') return null
      throw error
    }
  }

  return {
    async read(after, limit, runId) {
      const events = runId === null ? await plane.events.all(ALL, { after, limit }) : await plane.events.ofRun(ALL, runId, { after, limit })
      const owned: FeedEvent[] = []
      for (const event of events) {
        const customer = await ownerOf(event.projectId)
        if (customer !== null) owned.push({ event: eventShape(event), customer })
      }
      return owned
    },
    newest: () => plane.events.last(),
    mark: () => plane.mark(),
    changed: (since, ms, signal) => plane.changed(since, ms, signal),
  }
}
