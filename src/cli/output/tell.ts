import { CommanderError } from 'commander'
import { asRunnerError } from '../../core/errors.ts'

const USAGE = 2

/** Says on stderr what went wrong and what to do, and answers the exit code. A stack trace only for a bug of ours. */
export function tell(thrown: unknown): number {
  if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? 0 : USAGE
  // A person who ends a question with Ctrl-C or Ctrl-D has not met a bug.
  if ((thrown as Error | null)?.name === 'ExitPromptError') return 12
  const error = asRunnerError(thrown)
  process.stderr.write(`agent-runner: ${error.message}\n`)
  if (error.advice) process.stderr.write(`  ${error.advice}\n`)
  if (error.code === 'BUG') process.stderr.write(`${(error.cause as Error)?.stack ?? ''}\n`)
  return error.exitCode
}
