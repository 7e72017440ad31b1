import { asRunnerError } from '../../core/errors.ts'
import type { RunnerEvent } from '../../core/event.ts'

/**
 * A fault that nobody caught ends the process (see src/cli/program.ts); before, it is told where the runner tells everything else. The
 * lock file stays as it is and the agent lives on, so that the next start goes on with the task. Returns how to take it back.
 */
export function tellUncaught(emit: (event: RunnerEvent) => void): () => void {
  const last = (thrown: unknown) => {
    const { message, advice } = asRunnerError(thrown)
    emit({ type: 'warning', message: `BUG: ${message}; the next start goes on with the task in hand`, advice })
  }
  process.prependListener('uncaughtException', last)
  return () => {
    process.off('uncaughtException', last)
  }
}
