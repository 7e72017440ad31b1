import { removeEmptyGroup } from './groups.ts'
import { type ChildCall, commandOf } from './start-child.ts'

export interface RunCall extends ChildCall {
  /** Text for stdin; without it stdin is at its end. */
  input?: string | Buffer | undefined
  /** Longest time, in milliseconds. */
  timeoutMs: number
  /** It is stopped at more bytes of stdout than this. */
  mostBytes?: number | undefined
  /** How long its group has between TERM and KILL when it is stopped, in milliseconds. */
  graceMs: number
  /** Stops the program when nobody wants it any more. */
  signal?: AbortSignal | undefined
  /** The grace when it is `signal` that stops it; left out: `graceMs`. */
  hurryMs?: number | undefined
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

/** How long processes that a child left behind may hold its output, in milliseconds, before we go on without the rest. */
const HELD_MS = 2_000
/** How much of stderr is kept. */
const SAID_BYTES = 1024 * 1024
/** The longest time that a timer can count. */
const LONGEST_MS = 2 ** 31 - 1

const NOTHING: RunEnd = { stdout: Buffer.alloc(0), stderr: '', code: null, stopped: null, startError: null }

/** Runs a program to its end and returns what it printed. Processes that it leaves behind live on when it ends by itself. Never rejects. */
export async function runChild(call: RunCall): Promise<RunEnd> {
  const { signal, timeoutMs, graceMs, hurryMs = graceMs } = call
  const { promise, resolve } = Promise.withResolvers<RunEnd>()
  const timers: NodeJS.Timeout[] = []
  const later = (ms: number, act: () => void) => void timers.push(setTimeout(act, Math.min(ms, LONGEST_MS)))
  let hurry = () => {}
  try {
    const { child, end } = await start(call)
    end.then(resolve)
    child.nodeChildProcess.once('exit', () => later(HELD_MS, () => letGo(child)))
    // A program that is stuck in the kernel does not die of it.
    const killed = (stopped: Stopped, ms: number) => {
      child.kill('SIGKILL')
      later(ms, () => resolve({ ...NOTHING, stopped }))
    }
    hurry = () => later(hurryMs, () => killed('aborted', hurryMs))
    later(timeoutMs + graceMs, () => killed('late', graceMs))
    signal?.addEventListener('abort', hurry)
    if (signal?.aborted) hurry()
    return await promise
  } catch (error) {
    return { ...NOTHING, startError: error as NodeJS.ErrnoException }
  } finally {
    for (const timer of timers) clearTimeout(timer)
    signal?.removeEventListener('abort', hurry)
    if (call.hold) removeEmptyGroup(call.hold)
  }
}

type Child = Awaited<ReturnType<typeof start>>['child']

function letGo(child: Child): void {
  child.stdout.destroy()
  child.stderr.destroy()
}

async function start(call: RunCall) {
  // Loaded at first use: a command that starts nothing does not pay for it.
  const { execa } = await import('execa')
  const { input, mostBytes = Number.POSITIVE_INFINITY, signal } = call
  const { file, args, options } = commandOf(call)
  const child = execa(file, args, {
    ...options,
    extendEnv: false,
    // Signals go to all of its group.
    killDescendants: true,
    ...(input === undefined ? { stdin: 'ignore' as const } : { input }),
    encoding: 'buffer',
    stripFinalNewline: false,
    buffer: { stderr: false },
    maxBuffer: { stdout: mostBytes },
    timeout: Math.min(call.timeoutMs, LONGEST_MS),
    forceKillAfterDelay: call.graceMs,
    ...(signal && { cancelSignal: signal }),
    reject: false,
    verbose: 'none',
  })
  const said: Buffer[] = []
  let bytes = 0
  child.stderr.on('data', (piece: Buffer) => {
    if (bytes < SAID_BYTES) said.push(piece)
    bytes += piece.length
  })
  const end = child.then((result): RunEnd => {
    const stopped = result.isCanceled ? 'aborted' : result.timedOut ? 'late' : result.isMaxBuffer ? 'enough' : null
    // Once it was stopped, do not wait for its hooks and helpers any more.
    if (stopped) child.kill('SIGKILL')
    return {
      stdout: Buffer.from(result.stdout ?? []),
      stderr: Buffer.concat(said).toString(),
      code: result.exitCode ?? null,
      stopped,
      startError: child.pid === undefined ? (result.cause as NodeJS.ErrnoException) : null,
    }
  })
  return { child, end }
}
