import { LONGEST_LIMIT_MS } from '../core/backoff.ts'
import type { RunnerContext } from './context.ts'

/** So much the two clocks may differ without anybody having set one, in milliseconds. */
const SLACK_MS = 60_000
/** How often it is asked anew, so that a wait that others lift or lengthen, or a clock that is set, is noticed. */
const PIECE_MS = 10_000

/**
 * Waits until the wall clock shows the time that `until` answers; says so once for each such time. Answers `cut` when the signal ended the wait.
 * A clock that is set back meanwhile neither prolongs nor shortens it: from then on it lasts as long as it looked at first. No wait is
 * longer than the longest limit.
 */
export async function waitOut(
  until: () => number | null,
  message: string,
  { clock, emit }: Pick<RunnerContext, 'clock' | 'emit'>,
  cut: AbortSignal,
  runId?: string,
): Promise<'over' | 'cut'> {
  let told: number | null = null
  let latest = 0
  const apart = clock.now() - clock.uptime()
  for (;;) {
    // Then times that were noted before seem to be from the future, and nobody believes them any more.
    const wasSetBack: boolean = told !== null && clock.now() - clock.uptime() < apart - SLACK_MS
    const at: number | null = wasSetBack ? told : until()
    const left = wasSetBack ? latest - clock.uptime() : (at ?? 0) - clock.now()
    if (at === null || left <= 0 || left > LONGEST_LIMIT_MS) return 'over'
    if (at !== told) {
      emit({ type: 'waiting', message, untilMs: at }, runId)
      told = at
      // The two clocks differ a little in their steps; a wait that is cut short by that would ask too early.
      latest = clock.uptime() + left + 1_000
    }
    if (cut.aborted) return 'cut'
    const most = latest - clock.uptime()
    if (most <= 0) return 'over'
    await clock.sleep(Math.min(PIECE_MS, left, most), cut).catch(() => {})
  }
}
