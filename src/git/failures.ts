import { asRunnerError, RunnerError } from '../core/errors.ts'
import { isNoRoom, noRoom } from './full-disk.ts'

/** What went wrong as a RunnerError; what the file system refuses to us counts like what it refuses to git. */
export function asGitFailure(failure: unknown): RunnerError {
  const { code, message } = failure as NodeJS.ErrnoException
  if (!(failure instanceof RunnerError) && isNoRoom(failure)) return noRoom(message, failure)
  if (!(failure instanceof RunnerError) && typeof code === 'string' && /^E[A-Z0-9]+$/.test(code))
    return new RunnerError('GIT_FAILED', message, { cause: failure })
  return asRunnerError(failure)
}
