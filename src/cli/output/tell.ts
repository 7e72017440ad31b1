import { CommanderError } from 'commander'
import { asRunnerError } from '../../core/errors.ts'
import { printable } from './clean.ts'

const USAGE = 2

/** Says on stderr what went wrong and what to do, and returns the exit code. Prints a stack trace only for a bug of ours. */
export function tell(thrown: unknown): number {
  if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? 0 : USAGE
  // A person who ends a question with Ctrl-C or Ctrl-D has not met a bug.
  if ((thrown as Error | null)?.name === 'ExitPromptError') return 12
  const error = asRunnerError(thrown)
  // The message may contain words of servers, git and files of a repository, so secrets and control characters are removed.
  const say = (text: string) => process.stderr.write(`${printable(text)}\n`)
  say(`agent-runner: ${error.message}`)
  if (error.advice) say(`  ${error.advice}`)
  if (error.code === 'BUG') say((error.cause as Error)?.stack ?? '')
  return error.exitCode
}
