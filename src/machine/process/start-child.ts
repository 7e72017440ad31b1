import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process'
import { childEnvironment, type Entries, type Need } from './child-environment.ts'
import { ENTER, openGroup } from './groups.ts'

/** A program to start. */
export interface ChildCall {
  need: Need
  file: string
  args: readonly string[]
  cwd?: string | undefined
  /** The environment from which it gets what its kind needs; left out: this process's own. */
  ours?: NodeJS.ProcessEnv
  /** What it gets besides. */
  set?: Entries
  /** The groups (see `groups.ts`), one in the other, that hold it and everything that it starts, where the system has groups. */
  hold?: readonly string[] | undefined
}

/**
 * What to spawn for a program: it gets a session and process group of its own, so that it has no terminal to ask on and can be ended as a
 * whole, and the environment that its kind needs. It outlives this process.
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
