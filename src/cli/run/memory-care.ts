import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { StampedEvent } from '../../core/event.ts'

/** After how many runs the memory of a long-lived runner is cleaned. Cleaning takes about 10 ms. */
const EVERY = 10

/**
 * Answers a reader of events that keeps the memory of a runner from growing. Each task leaves a little for the collector, which by itself
 * waits until the heap has grown: a runner that works for weeks would hold the memory of its busiest day. And V8 would make machine code of
 * ever more functions, for hundreds of tasks; what a runner does often is compiled by its tenth task, and the rest of its life is waiting.
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
