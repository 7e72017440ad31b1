import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { StampedEvent } from '../../core/event.ts'

/** After how many runs the memory of a long-lived runner is cleaned. Cleaning takes about 10 ms. */
const EVERY = 10

/**
 * Returns a reader of events that keeps the memory of a runner from growing. Each task leaves some garbage, and the collector waits until
 * the heap has grown, so a runner that works for weeks would keep the memory of its busiest day. V8 would also compile ever more
 * functions to machine code, for hundreds of tasks; the code that a runner uses often is compiled by its tenth task.
 */
export function careForMemory(): (event: StampedEvent) => void {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  // Code that was compiled when the program was built is refused under other flags than it was built with.
  setFlagsFromString('--no-expose-gc')
  let runs = 0
  return event => {
    if (event.type !== 'run_finished' || ++runs % EVERY > 0) return
    if (runs === EVERY) for (const flag of ['--no-opt', '--no-maglev']) setFlagsFromString(flag)
    setImmediate(collect)
  }
}
