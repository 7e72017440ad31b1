import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import type { AttemptSpec, Supervision } from '../../src/core/ports/supervision.ts'
import { openSupervision } from '../../src/machine/attempts/supervision.ts'
import { agentProgram } from './agent-program.ts'

/** A runner process that holds the agent id until it is killed. */
export async function holdAgent(home: string, agentId: string): Promise<{ pid: number; kill(): Promise<void> }> {
  const program = new URL('./agent-holder.ts', import.meta.url).pathname
  const child = spawn(process.execPath, [program, home, agentId], { stdio: ['ignore', 'pipe', 'inherit'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  await once(child.stdout!, 'data')
  const kill = async () => {
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
  return { pid: child.pid!, kill }
}

/** A supervised agent that does what the shell script says, until it is ended or the test is over; by default it sleeps. */
export async function sleepingAgent(
  home: string,
  runId: string,
  script = 'exec sleep 600',
  { cwd = home, agentId = 'dev_001' } = {},
): Promise<Supervision> {
  const program = new URL('./supervise.ts', import.meta.url).pathname
  const supervision = openSupervision({ home, agentId, self: [process.execPath, program], env: process.env, killGraceMs: 500 })
  onTestFinished(async () => void (await supervision.sweep(runId)))
  writeFileSync(join(home, 'prompt.md'), '')
  const hour = 3_600_000
  const times = { deadlineMs: hour, silentAfterMs: hour, resultGraceMs: hour, killGraceMs: 500 }
  const command = { need: 'agent' as const, file: agentProgram(home, script), args: [], env: {} }
  const spec: AttemptSpec = {
    version: 1,
    runId,
    attempt: 1,
    command,
    cwd,
    promptFile: join(home, 'prompt.md'),
    resultLine: { key: 'type', value: 'result' },
    ...times,
  }
  await supervision.start(spec)
  return supervision
}
