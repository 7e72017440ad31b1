import type { Clock } from '../../src/core/ports/clock.ts'

/** A clock on which time passes only by sleeping: sleeps return at once and are noted. */
export interface FakeClock extends Clock {
  slept: number[]
  /** Sets the wall clock by so many milliseconds; no time passes. */
  set(ms: number): void
  /** The machine starts anew, after having been off for so many milliseconds. */
  reboot(ms: number): void
}

export function fakeClock(): FakeClock {
  let now = 1_800_000_000_000
  let uptime = 100_000_000_000
  let boots = 1
  const slept: number[] = []
  return {
    slept,
    now: () => now,
    uptime: () => uptime,
    boot: () => `boot-${boots}`,
    async sleep(ms, signal) {
      signal?.throwIfAborted()
      slept.push(ms)
      now += ms
      uptime += ms
    },
    set(ms) {
      now += ms
    },
    reboot(ms) {
      now += ms
      uptime = 0
      boots++
    },
  }
}
