import { writeFileSync } from 'node:fs'
import { isShortage } from '../../core/errors.ts'
import { childEnvironment, type Entries } from '../process/child-environment.ts'
import { runChild } from '../process/run-child.ts'
import type { HookWire } from './hook-document.ts'
import type { HookExit } from './hook-process.ts'

/** A hook that is a part of this program; it returns its exit code. If it throws, the error is its last line, and the exit code is 1. */
export type BuiltInHook = (document: HookWire, place: BuiltInPlace) => Promise<number>

/** What a built-in hook works with. */
export interface BuiltInPlace {
  /** The workspace of the task if there is one already, else the repository. */
  folder: string
  /** What a hook that is a program would find in its environment. */
  env: Record<string, string>
  say(line: string): void
  /** Runs a program in `folder` to its end. Rejects only where the system has no room to start one. */
  run(file: string, args: string[], timeoutMs: number): Promise<{ stdout: string; stderr: string; failure: Failure | null }>
  /** Aborts when the hook is to end. */
  signal: AbortSignal
}

interface Failure {
  missing: boolean
  late: boolean
  message: string
}

export interface BuiltInCall {
  document: HookWire
  folder: string
  /** What the environment of its programs says besides. */
  set: Entries
  /** Replaced; takes what it says, 0600. */
  logFile: string
  timeoutMs: number
  /** How long its programs have between TERM and KILL, in milliseconds. */
  graceMs: number
}

/** The longest time that a timer can count. */
const LONGEST_MS = 2 ** 31 - 1

/**
 * Runs a built-in hook in this process, which saves a start of it, and answers as for one that is a process. At the deadline, and when the
 * signal aborts, it is not waited for any more, and the programs that it started are ended. Rejects where the system has no room for one, or the log cannot be written.
 */
export async function runBuiltInHook(main: BuiltInHook, call: BuiltInCall, signal: AbortSignal): Promise<HookExit> {
  const { document, folder, set, logFile, timeoutMs, graceMs } = call
  const stop = AbortSignal.any([signal, AbortSignal.timeout(Math.min(timeoutMs, LONGEST_MS))])
  const stopped = new Promise<null>(resolve => stop.addEventListener('abort', () => resolve(null), { once: true }))
  const lines: string[] = []
  const programs: Promise<unknown>[] = []
  const run: BuiltInPlace['run'] = async (file, args, timeoutMs) => {
    const program = runChild({ need: 'hook', file, args, cwd: folder, set, timeoutMs, graceMs, signal: stop })
    programs.push(program)
    const { stdout, stderr, code, stopped, startError } = await program
    if (isShortage(startError)) throw startError
    const message = startError?.message ?? `${file} ended with exit code ${code}`
    const failure = code === 0 ? null : { missing: startError?.code === 'ENOENT', late: stopped === 'late', message }
    return { stdout: stdout.toString('utf8'), stderr, failure }
  }
  const env = childEnvironment('hook', process.env, set)
  const ended = main(document, { folder, env, say: line => lines.push(line), run, signal: stop }).catch(error => {
    if (isShortage(error)) throw error
    lines.push((error as Error).message)
    return 1
  })
  const code = await Promise.race([ended, stopped])
  await Promise.all(programs)
  writeFileSync(logFile, lines.map(line => `${line}\n`).join(''), { mode: 0o600 })
  return { code, signal: null, ended: code === null ? (signal.aborted ? 'aborted' : 'timeout') : null, startError: null, stuck: false }
}
