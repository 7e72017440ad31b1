import { backoff } from '../core/backoff.ts'
import { asRunnerError, RunnerError } from '../core/errors.ts'
import type { RunnerContext } from './context.ts'

/**
 * The one retry layer. Calls until the other side answers: faults of kind `retry` are waited out with full jitter, all
 * others are thrown. While draining a fault is not waited out: what is unfinished waits on disk for the next start.
 * `tries`: give up after so many; endless when absent.
 */
export async function untilAnswered<T>(
  what: string,
  context: Pick<RunnerContext, 'clock' | 'random' | 'stops' | 'emit'>,
  call: (signal: AbortSignal) => Promise<T>,
  tries = Number.POSITIVE_INFINITY,
): Promise<T> {
  const { stops, clock } = context
  for (let n = 1; ; n++) {
    if (stops.leaving.aborted) throw new RunnerError('ABORTED', `stopped before ${what}`)
    try {
      const answer = await call(stops.leaving)
      if (n > 1) context.emit({ type: 'warning', message: `${what}: works again after ${n - 1} failed ${n === 2 ? 'try' : 'tries'}` })
      return answer
    } catch (thrown) {
      const error = asRunnerError(thrown)
      if (error.kind !== 'retry' || error.code === 'ABORTED' || n >= tries) throw error
      if (stops.draining.aborted) throw new RunnerError('ABORTED', `${what}: ${error.message}`, { cause: error })
      const wait = backoff(n, context.random(), error.retryAfterMs)
      // The first is told at once, then each power of two: an outage of hours is not thousands of lines.
      if ((n & (n - 1)) === 0) context.emit({ type: 'warning', message: `${what}: ${error.message}; trying again`, advice: error.advice })
      await clock.sleep(wait, stops.draining).catch(() => {})
    }
  }
}
