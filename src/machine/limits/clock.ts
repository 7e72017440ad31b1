import { uptime } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import type { Clock } from '../../core/ports/clock.ts'
import { bootId } from '../process/process-table.ts'

/** How often a long wait looks at the time, in milliseconds, because a timer stands still while the machine is asleep. */
const PIECE_MS = 5_000

/** The machine's clock. `uptime` counts from boot, suspend included, and does not follow jumps of the wall clock; waits are over by it. */
export const systemClock: Clock = {
  now: () => Date.now(),
  uptime: () => uptime() * 1000,
  boot: bootId,
  async sleep(ms, signal) {
    const end = systemClock.uptime() + ms
    for (let left = ms; left > 0; left = ms > PIECE_MS ? end - systemClock.uptime() : 0)
      await delay(Math.min(left, PIECE_MS), undefined, { signal })
    signal?.throwIfAborted()
  },
}
