import { LONGEST_LIMIT_MS } from './backoff.ts'

/** The two clocks are read one after the other and differ a little in their steps. Milliseconds. */
const STEP_MS = 1_000

/** The part of the port `Clock` that a wait needs. */
interface Clock {
  now(): number
  uptime(): number
  boot(): string
}

/** A time before which nothing begins, recorded so that it survives the runner and changes of the wall clock. */
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
 * How much of a wait is left in milliseconds; 0 or less when it is over. Within the boot in which it was noted, setting the wall clock
 * neither ends nor prolongs it. After a reboot only the wall clock is left: if that was set back, the wait lasts no longer than it did at
 * first.
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

/** The same wait noted as of now, so that the wall clock no longer affects it, even if it was first noted before a reboot. */
export function anchored(wait: Wait, clock: Clock): Wait {
  return wait.noted?.boot === clock.boot() ? wait : waitOf(Math.max(0, leftOf(wait, clock)), clock)
}
