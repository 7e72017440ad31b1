import type { ChildProcess } from 'node:child_process'
import { closeSync, fstatSync, ftruncateSync, openSync, rmSync, writeFileSync } from 'node:fs'
import type { Entries } from '../process/child-environment.ts'
import { callGroup, endedGroup, removeEmptyGroup, removeGroup } from '../process/groups.ts'
import { CALL_TAG, endTagged } from '../process/processes.ts'
import { signalGroup, startChild } from '../process/start-child.ts'

/** How often output size and deadline are checked. An exit is noticed at once. */
const LOOK_MS = 50
/** How long a killed process may take to go before we stop waiting for it (stuck in the kernel, or of another user). */
const STUCK_MS = 5_000

export interface HookCall {
  /** Unique for each call. */
  id: string
  command: string[]
  cwd: string
  /** The group of its run; null for a hook of no run. */
  group: string | null
  /** The part of its environment that says where and for what it is called. */
  set: Entries
  /** All of stdin. */
  input: string
  /** Replaced; takes stdout and stderr, 0600. */
  logFile: string
  timeoutMs: number
  /** Called when the hook is to end. */
  killGraceMs(): number
  /** More output than this ends the hook; the log is cut to it. */
  logBytes: number
}

export interface HookExit {
  code: number | null
  signal: string | null
  /** Why we ended it; null when it ended by itself. */
  ended: 'timeout' | 'flood' | 'aborted' | null
  /** Why it could not be started; null when it was. */
  startError: NodeJS.ErrnoException | null
  /** The hook, or something that it started, did not end, not even by KILL. */
  stuck: boolean
}

/**
 * Runs a hook in a process group of its own and answers when its main process has ended; what it left behind is killed
 * then, daemons included. Input and output are files: a hook that reads nothing, writes without end or dies half way cannot
 * block us or be blocked. The signal ends it (TERM, grace, KILL). Throws only what opening the log throws.
 */
export async function runHookProcess(call: HookCall, signal: AbortSignal): Promise<HookExit> {
  const output = openSync(call.logFile, 'w', 0o600)
  try {
    const started = start(call, output)
    if (started instanceof Error) return { code: null, signal: null, ended: null, startError: started, stuck: false }
    const exit = await watch(started, call, output, signal)
    if (exit.startError) return exit
    // Do this not only after a kill: processes that a hook forked must not work on, hold files or fill the log once it has ended.
    signalGroup(started, 'SIGKILL')
    // The hook's group has held whatever it started. Without a group, or with a member left, look through all processes.
    if (!endedGroup(groupsOf(call))) await endLeft(call, exit)
    if (call.group !== null) removeEmptyGroup([call.group])
    if (fstatSync(output).size > call.logBytes) ftruncateSync(output, call.logBytes)
    return exit
  } finally {
    closeSync(output)
  }
}

async function endLeft(call: HookCall, exit: HookExit): Promise<void> {
  await endTagged(CALL_TAG, call.id, 0).catch(() => {
    exit.stuck = true
  })
  await removeGroup(groupsOf(call))
}

const groupsOf = ({ id, group }: HookCall) => [...(group === null ? [] : [group]), callGroup(id)]

function start(call: HookCall, output: number): ChildProcess | Error {
  const inputFile = `${call.logFile}.${call.id}.stdin`
  writeFileSync(inputFile, call.input, { mode: 0o600 })
  try {
    const input = openSync(inputFile, 'r')
    try {
      const [file = '', ...args] = call.command
      const set = { ...call.set, [CALL_TAG]: call.id }
      return startChild({ need: 'hook', file, args, cwd: call.cwd, set, hold: groupsOf(call) }, [input, output, output])
    } catch (error) {
      return error as Error
    } finally {
      closeSync(input)
    }
  } finally {
    // The child holds it open; without its name nothing is left when we are killed.
    rmSync(inputFile, { force: true })
  }
}

function watch(child: ChildProcess, call: HookCall, output: number, signal: AbortSignal): Promise<HookExit> {
  const exit: HookExit = { code: null, signal: null, ended: null, startError: null, stuck: false }
  const deadline = performance.now() + call.timeoutMs
  return new Promise(resolve => {
    let killAt = 0
    const look = () => {
      const now = performance.now()
      const flooding = fstatSync(output).size > call.logBytes
      if (!exit.ended) {
        exit.ended = signal.aborted ? 'aborted' : flooding ? 'flood' : now >= deadline ? 'timeout' : null
        if (!exit.ended) return
        killAt = now + call.killGraceMs()
        signalGroup(child, 'SIGTERM')
      }
      // A flood fills the disk during the grace, so it gets none.
      if (flooding) killAt = Math.min(killAt, now)
      if (now < killAt) return
      signalGroup(child, 'SIGKILL')
      if (now < killAt + STUCK_MS) return
      exit.stuck = true
      child.unref()
      finish()
    }
    const finish = () => {
      clearInterval(timer)
      signal.removeEventListener('abort', look)
      resolve(exit)
    }
    const timer = setInterval(look, LOOK_MS)
    signal.addEventListener('abort', look)
    // 'exit', not 'close': a grandchild may hold the output open for hours.
    child.once('exit', (code, name) => {
      Object.assign(exit, { code, signal: name })
      finish()
    })
    child.once('error', error => {
      exit.startError = error
      finish()
    })
    look()
  })
}
