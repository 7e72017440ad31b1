import { Session } from 'node:inspector'
import type { StampedEvent } from '../../core/event.ts'

/**
 * Returns a reader of events that collects the garbage of each run that has ended. The collector by itself waits until the heap has
 * grown, so a runner that works for weeks would keep the memory of its busiest day.
 */
export function collectGarbage(): (event: StampedEvent) => void {
  let session: Session | undefined
  const collect = () => {
    if (!session) {
      session = new Session()
      session.connect()
    }
    session.post('HeapProfiler.collectGarbage')
  }
  return event => {
    // What has emitted the event still holds on to its run.
    if (event.type === 'run_finished') setImmediate(collect)
  }
}
