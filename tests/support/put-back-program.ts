import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import type { WorkspaceRecord } from '../../src/core/run.ts'

/*
 * Puts back what steers git, as the end of a run does, and is killed before its n-th change of the disk: put-back-program.ts WORKSPACE RUN N
 */

const [, , workspace, runId, killedAt] = process.argv
let left = Number(killedAt)
const CHANGES = ['writeFileSync', 'renameSync', 'linkSync', 'symlinkSync', 'mkdirSync', 'chmodSync', 'rmSync', 'appendFileSync'] as const
for (const name of CHANGES) {
  const real = fs[name] as (...args: unknown[]) => unknown
  Object.assign(fs, {
    [name]: (...args: unknown[]) => {
      if (left-- <= 0) process.kill(process.pid, 'SIGKILL')
      return real(...args)
    },
  })
}
syncBuiltinESMExports()
const { putBackSteering } = await import('../../src/workspaces/picture/put-back.ts')
await putBackSteering(JSON.parse(workspace!) as WorkspaceRecord, runId!)
