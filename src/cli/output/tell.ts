import { CommanderError } from 'commander'
import { asRunnerError } from '../../core/errors.ts'
import { printable } from './clean.ts'

const USAGE = 2

/** Says on stderr what went wrong and what to do, and answers the exit code. A stack trace only for a bug of ours. */
export function tell(thrown: unknown): number {
  if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? 0 : USAGE
  // A person who ends a question with Ctrl-C or Ctrl-D has not met a bug.
  if ((thrown as Error | null)?.name === 'ExitPromptError') return 12
  const error = asRunnerError(thrown)
  // Words of servers, git and files of a repository stand in it: no secret, and nothing that a terminal would act on.
  const say = (text: string) => process.stderr.write(`${printable(text)}\n`)
  say(`agent-runner: ${error.message}`)
  if (error.advice) say(`  ${error.advice}`)
  if (error.code === 'BUG') say((error.cause as Error)?.stack ?? '')
  return error.exitCode
}
