import { RunnerError } from '../../core/errors.ts'
import type { ControlPlane } from '../control-plane.ts'

/**
 * Looks, and looks again whenever anything has changed, until there is something or the time is over; null then, and also when the caller
 * has gone away or the server closes.
 */
export async function waited<T>(
  plane: ControlPlane,
  seconds: number,
  signal: AbortSignal,
  look: () => Promise<T | null>,
): Promise<T | null> {
  const until = performance.now() + seconds * 1_000
  for (;;) {
    // Nobody would hear the answer, and what is taken for nobody is lost until its lease is over.
    if (signal.aborted) return null
    // First the mark, then the look: what comes in between makes it look again.
    const mark = plane.mark()
    const found = await look()
    if (found !== null) return found
    const left = until - performance.now()
    if (left <= 0) return null
    try {
      await plane.changed(mark, left, signal)
    } catch (error) {
      if (error instanceof RunnerError && error.code === 'ABORTED') return null
      throw error
    }
  }
}
