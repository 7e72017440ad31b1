/** The longest window of a usage limit: a month, in milliseconds. A longer wait comes from a clock that was set back. */
export const LONGEST_LIMIT_MS = 31 * 86_400_000

/**
 * For how long a limit is believed, in milliseconds, however far away its end is said to be. Then it is tried again: plans change, and
 * times are told wrongly.
 */
export const ASK_AGAIN_MS = 6 * 3_600_000

/** The longest pause between two tries while the surroundings fail. */
const LONGEST_OUTAGE_PAUSE_MS = 5 * 60_000
const LONGEST_PAUSE_MS = 60_000

/**
 * How long to wait before try `n` (from 1): full jitter, doubling from 1 s up to 60 s (or `longestMs`), so that many runners do not
 * return at once. `random` is in [0, 1). Milliseconds. What the other side asked for (`Retry-After`) wins.
 * Source: "Exponential Backoff And Jitter", AWS Architecture Blog.
 */
export function backoff(n: number, random: number, retryAfterMs?: number, longestMs = LONGEST_PAUSE_MS): number {
  if (retryAfterMs !== undefined) return Math.max(0, retryAfterMs)
  const ceiling = Math.min(longestMs, 1_000 * 2 ** Math.min(16, n - 1))
  return Math.round(Math.max(100, random * ceiling))
}

/** The same pause for the `n`-th end in a row that shows failing surroundings. */
export function outagePause(n: number, random: number): number {
  return backoff(n, random, undefined, LONGEST_OUTAGE_PAUSE_MS)
}
