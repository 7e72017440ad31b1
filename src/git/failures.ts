import { asRunnerError, RunnerError } from '../core/errors.ts'
import { isNoRoom, noRoom } from './full-disk.ts'

/** Makes a RunnerError of a failure; a refusal of the file system to us counts like one to git. */
export function asGitFailure(failure: unknown): RunnerError {
  const { code, message } = failure as NodeJS.ErrnoException
  if (!(failure instanceof RunnerError) && isNoRoom(failure)) return noRoom(message, failure)
  if (!(failure instanceof RunnerError) && typeof code === 'string' && /^E[A-Z0-9]+$/.test(code))
    return new RunnerError('GIT_FAILED', message, { cause: failure })
  return asRunnerError(failure)
}
