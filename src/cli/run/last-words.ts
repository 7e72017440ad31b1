import { asRunnerError } from '../../core/errors.ts'
import type { RunnerEvent } from '../../core/event.ts'

/**
 * An uncaught fault ends the process (see src/cli/program.ts). Before that, this reports it where the runner reports everything else. The
 * lock file stays as it is and the agent lives on, so that the next start goes on with the task. Returns a function that undoes it.
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
