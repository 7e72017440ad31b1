import { spawnSync } from 'node:child_process'
import { closeSync, fsyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** What one round takes on a quiet machine of two cores, on which the deadlines were chosen. */
const USUAL_MS = 60
const ROUNDS = 4
/** Slower than this, a machine is taken to be busy for a moment only. */
const MOST = 20

/**
 * How many times slower than usual this machine is at what the tests do all the time: starting processes and writing files that last.
 * Takes less than a second on a usual machine. A whole number from 1 on.
 */
export function measureSlowness(): number {
  const folder = mkdtempSync(join(tmpdir(), 'agent-runner-speed-'))
  const began = performance.now()
  for (let n = 0; n < ROUNDS; n++) {
    spawnSync(process.execPath, ['-e', ''])
    const file = openSync(join(folder, String(n)), 'w')
    writeSync(file, 'x'.repeat(4_096))
    fsyncSync(file)
    closeSync(file)
  }
  const ms = performance.now() - began
  rmSync(folder, { recursive: true, force: true })
  return Math.min(MOST, Math.max(1, Math.ceil(ms / ROUNDS / USUAL_MS)))
}

if (import.meta.main) console.log(measureSlowness())
