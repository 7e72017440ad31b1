import { fstatSync, writeSync } from 'node:fs'

/**
 * A writer to stdout where that is a file, a pipe or a socket; null for a terminal and anything else that needs a stream. It writes
 * everything before it returns, and nothing once the reader has gone. It is for short answers: making the stream takes longer than
 * everything else of `--version`.
 */
export function writerAtOnce(): ((text: string) => void) | null {
  try {
    const stat = fstatSync(STDOUT)
    return stat.isFile() || stat.isFIFO() || stat.isSocket() ? writeAll : null
  } catch {
    return null
  }
}

const STDOUT = 1

function writeAll(text: string): void {
  for (let rest = Buffer.from(text); rest.length > 0; ) {
    try {
      rest = rest.subarray(writeSync(STDOUT, rest))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') return
      // The pipe is full, and whoever gave it to us made it non-blocking.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5)
    }
  }
}
