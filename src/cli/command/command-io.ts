import { RunnerError } from '../../core/errors.ts'
import type { OutputStream } from '../output/sink.ts'

/** The parts of its process that a command uses, so that a test can call it with others. */
export interface CommandIo {
  stdin: AsyncIterable<Buffer | string> & { isTTY?: boolean }
  stdout: OutputStream & { rows?: number }
  stderr: OutputStream
  env: NodeJS.ProcessEnv
  cwd: string
}

/** The process itself. */
export function processIo(): CommandIo {
  return { stdin: process.stdin, stdout: process.stdout, stderr: process.stderr, env: process.env, cwd: currentFolder() }
}

function currentFolder(): string {
  try {
    return process.cwd()
  } catch {
    throw new RunnerError('USAGE', 'the current folder was removed; change to another one')
  }
}

/** A signal that the first Ctrl-C or TERM fires, for commands that go on until they are ended. `off` restores both. */
export function endedByUser(): { signal: AbortSignal; off(): void } {
  const controller = new AbortController()
  const end = () => controller.abort()
  process.once('SIGINT', end).once('SIGTERM', end)
  return {
    signal: controller.signal,
    off: () => {
      process.off('SIGINT', end).off('SIGTERM', end)
    },
  }
}
