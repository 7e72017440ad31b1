import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process'
import { childEnvironment, type Entries, type Need } from './environment.ts'
import { ENTER, openGroup } from './groups.ts'

/** A program to start. */
export interface ChildCall {
  need: Need
  file: string
  args: readonly string[]
  cwd?: string | undefined
  /** Our environment, of which it gets what its kind needs; left out: this process's. */
  ours?: NodeJS.ProcessEnv
  /** What it gets besides. */
  set?: Entries
  /** The groups (see `groups.ts`), one in the other, that hold it and all that it starts, where the system has them. */
  hold?: readonly string[] | undefined
}

/**
 * What is started for a call: in a session and process group of its own, so that it has no terminal to ask on and is ended as a whole, with
 * the environment that its kind needs. It outlives this process.
 */
export function commandOf({ need, file, args, cwd, ours = process.env, set, hold }: ChildCall) {
  const options = { ...(cwd !== undefined && { cwd }), env: childEnvironment(need, ours, set), detached: true }
  const group = hold ? openGroup(hold) : null
  return group === null ? { file, args, options } : { file: '/bin/sh', args: ['-c', ENTER, group, file, ...args], options }
}

/** Starts a program with files for its descriptors, as `commandOf` says. As `spawn`, throws at once what the system says of the files of `stdio`. */
export function startChild(call: ChildCall, stdio: StdioOptions): ChildProcess {
  const { file, args, options } = commandOf(call)
  return spawn(file, args, { ...options, stdio })
}

/** Signals all of a child's process group. False when it is gone, or not ours to signal. */
export function signalGroup(child: ChildProcess, signal: NodeJS.Signals): boolean {
  if (child.pid === undefined) return false
  try {
    return process.kill(-child.pid, signal)
  } catch {
    return false
  }
}
