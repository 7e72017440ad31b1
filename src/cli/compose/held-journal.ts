import { RunnerError } from '../../core/errors.ts'
import type { Journal } from '../../core/ports.ts'

/**
 * A journal that is read and changed only by who still holds the agent's guard. A state folder that is removed or replaced under a living
 * runner takes its guard along, and the next runner gets one of its own. Throws AGENT_BUSY then.
 */
export function heldJournal(journal: Journal, holds: () => boolean): Journal {
  function ensure(): void {
    if (holds()) return
    throw new RunnerError(
      'AGENT_BUSY',
      'the state folder was removed or replaced while this runner worked: it no longer holds its agent id',
      {
        advice: 'Start the runner again, and leave that folder alone while it runs.',
      },
    )
  }
  return {
    ...journal,
    load() {
      ensure()
      return journal.load()
    },
    save(record, durable) {
      ensure()
      journal.save(record, durable)
    },
    remove() {
      ensure()
      journal.remove()
    },
  }
}
