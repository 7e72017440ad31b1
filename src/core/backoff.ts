/** No usage limit lasts longer than its longest window, a week. Milliseconds. A longer wait is one of a clock that was set back. */
export const LONGEST_LIMIT_MS = 7 * 86_400_000

/**
 * How long to wait before try `n` (from 1): full jitter, doubling from 1 s up to 60 s, so that many runners do not
 * return at once. `random` is in [0, 1). Milliseconds. What the other side asked for (`Retry-After`) wins.
 * Source: "Exponential Backoff And Jitter", AWS Architecture Blog.
 */
export function backoff(n: number, random: number, retryAfterMs?: number): number {
  if (retryAfterMs !== undefined) return Math.max(0, retryAfterMs)
  const ceiling = Math.min(60_000, 1_000 * 2 ** Math.min(16, n - 1))
  return Math.round(Math.max(100, random * ceiling))
}
