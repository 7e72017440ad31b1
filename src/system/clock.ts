import { uptime } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import type { Clock } from '../core/ports.ts'

/** The largest wait that a timer takes; Node fires at once above it. */
const LONGEST = 2 ** 31 - 1

/** The machine's clock. `uptime` counts from boot, suspend included, and does not follow jumps of the wall clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  uptime: () => uptime() * 1000,
  async sleep(ms, signal) {
    for (let left = ms; left > 0; left -= LONGEST) await delay(Math.min(left, LONGEST), undefined, { signal })
    signal?.throwIfAborted()
  },
}
