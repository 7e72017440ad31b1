import { LONGEST_LIMIT_MS } from './backoff.ts'

/** The two clocks are read one after the other and differ a little in their steps. Milliseconds. */
const STEP_MS = 1_000

/** What a wait needs of the port of this name. */
interface Clock {
  now(): number
  uptime(): number
  boot(): string
}

/** Until when nothing begins, written down so that it outlives its runner and a wall clock that is set. */
export interface Wait {
  /** Epoch milliseconds by the wall clock as it stood when the wait was noted. */
  until: number
  /** When it was noted, on the wall clock and on the one that counts since that boot; null in what older versions left. */
  noted: { at: number; boot: string; uptime: number } | null
}

/** A wait of so many milliseconds from now. */
export function waitOf(ms: number, clock: Clock): Wait {
  const at = clock.now()
  return { until: at + ms, noted: { at, boot: clock.boot(), uptime: clock.uptime() } }
}

/**
 * How much of it is left in milliseconds, 0 or less when it is over. Within the boot in which it was noted nobody ends or prolongs it by
 * setting the wall clock. After a reboot only the wall clock is left: one that was set back lets it last no longer than it did at first.
 */
export function leftOf({ until, noted }: Wait, clock: Clock): number {
  const byWall = until - clock.now()
  if (!noted) return byWall > LONGEST_LIMIT_MS ? 0 : byWall
  const length = until - noted.at
  if (noted.boot !== clock.boot()) return Math.min(byWall, length)
  const byBoot = length - (clock.uptime() - noted.uptime)
  return Math.abs(byWall - byBoot) < STEP_MS ? Math.max(byWall, byBoot) : byBoot
}

/** When it is over as the wall clock stands now, in epoch milliseconds for people; null when it is over. */
export function endOf(wait: Wait | null, clock: Clock): number | null {
  const left = wait === null ? 0 : leftOf(wait, clock)
  if (wait === null || left <= 0) return null
  return Math.abs(wait.until - clock.now() - left) < STEP_MS ? wait.until : Math.round(clock.now() + left)
}

/** The same wait as of now, so that from here on the wall clock means nothing to it, also when it was noted before a reboot. */
export function anchored(wait: Wait, clock: Clock): Wait {
  return wait.noted?.boot === clock.boot() ? wait : waitOf(Math.max(0, leftOf(wait, clock)), clock)
}
