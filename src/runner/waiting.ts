import { endOf, leftOf, type Wait } from '../core/wait.ts'
import type { RunnerContext } from './context.ts'

/** How often the wait is checked again, so that changes by others are noticed. */
const PIECE_MS = 10_000

/**
 * Waits until the wait that `until` returns is over, and announces each wait once. Returns `cut` when the signal ended it. Setting the
 * wall clock meanwhile neither prolongs nor shortens it.
 */
export async function waitOut(
  until: () => Wait | null,
  why: () => { message: string; advice?: string },
  { clock, emit }: Pick<RunnerContext, 'clock' | 'emit'>,
  cut: AbortSignal,
  runId?: string,
): Promise<'over' | 'cut'> {
  let told: number | null = null
  for (;;) {
    const wait = until()
    const untilMs = endOf(wait, clock)
    if (wait === null || untilMs === null) return 'over'
    if (wait.until !== told) {
      emit({ type: 'waiting', ...why(), untilMs }, runId)
      told = wait.until
    }
    if (cut.aborted) return 'cut'
    await clock.sleep(Math.min(PIECE_MS, Math.max(1, leftOf(wait, clock))), cut).catch(() => {})
  }
}
