import type { Clock } from '../../src/core/ports.ts'

/** A clock on which time passes only by sleeping: sleeps return at once and are noted. */
export function fakeClock(): Clock & { slept: number[] } {
  let now = 1_800_000_000_000
  const slept: number[] = []
  return {
    slept,
    now: () => now,
    uptime: () => now - 1_700_000_000_000,
    async sleep(ms, signal) {
      signal?.throwIfAborted()
      slept.push(ms)
      now += ms
    },
  }
}
