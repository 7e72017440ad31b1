import { type SpawnSyncOptions, type SpawnSyncReturns, spawnSync } from 'node:child_process'
import { childEnvironment } from './child-environment.ts'
import type { ChildCall } from './start-child.ts'

interface NowCall extends ChildCall {
  input?: string
  timeoutMs?: number
}

/** The most that is read of what a program prints, in bytes. */
const MOST_BYTES = 2 ** 30

/**
 * Runs a program to its end as `runChild` does, but blocks this process meanwhile. Only for the quickest programs, and for tests of this
 * program.
 */
export function runNow({ need, file, args, cwd, ours = process.env, set, input, timeoutMs }: NowCall): SpawnSyncReturns<Buffer> {
  const stdio: SpawnSyncOptions['stdio'] = [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe']
  const env = childEnvironment(need, ours, set)
  return spawnSync(file, args, { cwd, env, input, stdio, timeout: timeoutMs, killSignal: 'SIGKILL', maxBuffer: MOST_BYTES })
}
