import { RunnerError } from '../../core/errors.ts'
import type { Journal } from '../../core/ports/journal.ts'

/**
 * A journal that can be read and changed only while the runner still holds the agent's guard. When a state folder is removed or replaced
 * under a living runner, its guard goes too, and the next runner gets one of its own. Then this throws AGENT_BUSY.
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
