import { asRunnerError, type RunnerError } from '../../core/errors.ts'
import type { StampedEvent } from '../../core/event.ts'

/** Whether the refusal is permanent: the other side would refuse the same again. A bad key is not permanent, since somebody may mend it. */
export function isPermanent({ kind, code }: RunnerError): boolean {
  return code !== 'TRACKER_UNAUTHORISED' && (kind === 'refused' || kind === 'usage')
}

/**
 * Sends events in their order. An event that is refused for good does not hold up the rest: a batch is halved until the event is found,
 * and a mark takes its place in the timeline. Where the mark is refused too, it is left out. `onRefusal` is called for each. Throws every
 * other failure.
 */
export async function ship(
  events: StampedEvent[],
  publish: (events: StampedEvent[]) => Promise<void>,
  onRefusal: (event: StampedEvent, error: RunnerError) => void,
): Promise<void> {
  if (events.length === 0) return
  try {
    return await publish(events)
  } catch (thrown) {
    const error = asRunnerError(thrown)
    if (!isPermanent(error)) throw thrown
    const [event] = events
    if (event && events.length === 1) {
      onRefusal(event, error)
      return isMark(event) ? undefined : ship([markFor(event, error)], publish, () => {})
    }
  }
  const middle = Math.ceil(events.length / 2)
  await ship(events.slice(0, middle), publish, onRefusal)
  await ship(events.slice(middle), publish, onRefusal)
}

const MARK = 'was refused, and is not in this timeline'
const isMark = (event: StampedEvent) => event.type === 'warning' && event.message.includes(MARK)

function markFor({ at, seq, runId, agentId, type }: StampedEvent, error: RunnerError): StampedEvent {
  return { at, seq, runId, agentId, type: 'warning', message: `an event of the kind ${type} ${MARK}: ${error.message.slice(0, 300)}` }
}
