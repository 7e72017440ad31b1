import type { ChildProcess } from 'node:child_process'
import { removeEmptyGroup } from './groups.ts'
import { type ChildCall, signalGroup, startChild } from './start.ts'

export interface RunCall extends ChildCall {
  /** Text for stdin; without it stdin is at its end. */
  input?: string | Buffer | undefined
  /** Longest time, in milliseconds. */
  timeoutMs: number
  /** It is stopped at more bytes of stdout than this. */
  mostBytes?: number | undefined
  /** How long its group has between TERM and KILL when it is stopped, in milliseconds. */
  graceMs(why: Stopped): number
  signal?: AbortSignal | undefined
}

/** Why a program was stopped: it took too long, nobody wants it any more, or it has printed enough. */
export type Stopped = 'late' | 'aborted' | 'enough'

export interface RunEnd {
  stdout: Buffer
  stderr: string
  /** Null when it was ended by a signal, or did not start. */
  code: number | null
  /** Null when it ended by itself. */
  stopped: Stopped | null
  /** Why it was not started; null when it was. */
  startError: NodeJS.ErrnoException | null
}

/** What a child left behind may hold its output for so long, in milliseconds, before we go on without the rest. */
const HELD_MS = 2_000
/** So much of stderr is kept. */
const SAID_BYTES = 1024 * 1024

/** Runs a program to its end and answers what it printed. What it leaves behind when it ends by itself lives on. Never rejects. */
export function runChild(call: RunCall): Promise<RunEnd> {
  const end: RunEnd = { stdout: Buffer.alloc(0), stderr: '', code: null, stopped: null, startError: null }
  let child: ChildProcess
  try {
    child = startChild(call, [call.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'])
  } catch (error) {
    return Promise.resolve({ ...end, startError: error as NodeJS.ErrnoException })
  }
  const { mostBytes = Number.POSITIVE_INFINITY } = call
  const out: Buffer[] = []
  const said: Buffer[] = []
  let bytes = 0
  let saidBytes = 0
  const timers: NodeJS.Timeout[] = []
  const later = (ms: number, act: () => void) => void timers.push(setTimeout(act, ms))

  return new Promise(resolve => {
    const finish = () => {
      for (const timer of timers) clearTimeout(timer)
      call.signal?.removeEventListener('abort', abort)
      if (call.hold) removeEmptyGroup(call.hold)
      child.stdout?.destroy()
      child.stderr?.destroy()
      resolve({ ...end, stdout: Buffer.concat(out), stderr: Buffer.concat(said).toString() })
    }
    const stop = (why: Stopped) => {
      if (end.stopped) return
      const graceMs = call.graceMs(why)
      end.stopped = why
      signalGroup(child, 'SIGTERM')
      later(graceMs, () => {
        signalGroup(child, 'SIGKILL')
        // One that is stuck in the kernel does not die of it.
        later(graceMs, finish)
      })
    }
    const abort = () => stop('aborted')
    child.stdout?.on('data', (piece: Buffer) => {
      if (end.stopped === 'enough') return
      out.push(piece)
      bytes += piece.length
      if (bytes > mostBytes) stop('enough')
    })
    child.stderr?.on('data', (piece: Buffer) => {
      if (saidBytes < SAID_BYTES) said.push(piece)
      saidBytes += piece.length
    })
    // One that does not read to the end of what it is told is its own affair.
    child.stdin?.on('error', () => {})
    child.stdin?.end(call.input)
    child.once('error', error => {
      end.startError = error
      finish()
    })
    child.once('exit', code => {
      end.code = code
      // Not its hooks and helpers any more once it was stopped.
      if (end.stopped) signalGroup(child, 'SIGKILL')
      later(HELD_MS, finish)
    })
    child.once('close', finish)
    later(Math.min(call.timeoutMs, 2 ** 31 - 1), () => stop('late'))
    call.signal?.addEventListener('abort', abort, { once: true })
    if (call.signal?.aborted) abort()
  })
}
