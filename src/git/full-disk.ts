import { RunnerError } from '../core/errors.ts'

/** git's words for a full disk. They are untranslated here, and its exit code is that of every other failure. */
const SAID = /No space left on device|Disk quota exceeded/

/** Whether a failure is that of a disk without room: no fault of the task, and over when somebody makes room. */
export function isNoRoom(failure: unknown): boolean {
  if (failure instanceof RunnerError) return failure.code === 'STATE_UNUSABLE'
  const { code, message } = failure as NodeJS.ErrnoException
  return code === 'ENOSPC' || code === 'EDQUOT' || (code === undefined && SAID.test(message))
}

/** The same as a RunnerError, with which the run is kept as it stands. */
export function noRoom(message: string, cause: unknown): RunnerError {
  const advice = 'Make room on the disk of the repository; the task and its work are kept, and go on by themselves.'
  return new RunnerError('STATE_UNUSABLE', `the disk of the repository is full: ${message}`, { cause, advice })
}
