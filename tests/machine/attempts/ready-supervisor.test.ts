import { spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { attemptFolder } from '../../../src/machine/attempts/attempt-files.ts'
import { openSupervision } from '../../../src/machine/attempts/supervision.ts'
import { openRunFiles } from '../../../src/machine/journal/run-files.ts'
import { endTagged, RUN_TAG, signalProcess, taggedProcesses } from '../../../src/machine/process/processes.ts'
import { agentProgram } from '../../support/agent-program.ts'
import { tempFolder } from '../../support/temp.ts'
import { waitFor } from '../../support/wait-for.ts'

const program = new URL('../../support/supervise.ts', import.meta.url).pathname
const runner = new URL('../../support/ready-runner.ts', import.meta.url).pathname

function stage() {
  const home = tempFolder()
  const runId = `run_ready${Math.random().toString(36).slice(2)}`
  const supervision = openSupervision({ home, agentId: 'dev_001', self: [process.execPath, program], env: process.env, killGraceMs: 500 })
  onTestFinished(async () => {
    supervision.unready(runId)
    await endTagged(RUN_TAG, runId, 0)
  })
  const spec = (attempt: number) => {
    writeFileSync(join(home, 'prompt.md'), '')
    return {
      version: 1 as const,
      runId,
      attempt,
      command: { need: 'agent' as const, file: agentProgram(home, 'echo started >> starts'), args: [], env: {} },
      cwd: home,
      promptFile: join(home, 'prompt.md'),
      resultLine: { key: 'type', value: 'result' },
      deadlineMs: 60_000,
      silentAfterMs: 60_000,
      resultGraceMs: 60_000,
      killGraceMs: 500,
    }
  }
  const start = async (attempt: number) => {
    const supervisor = await supervision.start(spec(attempt))
    const exit = await supervision.follow(runId, attempt, () => {}, new AbortController().signal)
    return { supervisor, exit }
  }
  const starts = () => (existsSync(join(home, 'starts')) ? readFileSync(join(home, 'starts'), 'utf8').split('\n').length - 1 : 0)
  const waiting = () => waitFor('the supervisor that waits', () => taggedProcesses(RUN_TAG, runId)[0])
  const gone = () => waitFor('nothing left', () => taggedProcesses(RUN_TAG, runId).length === 0)
  return { home, runId, supervision, start, starts, waiting, gone }
}

test('a supervisor that is ready becomes that of the next attempt, and of no second one', async () => {
  const { supervision, runId, start, starts, waiting, home } = stage()
  supervision.ready(runId)
  supervision.ready(runId)
  const { pid } = await waiting()
  expect(taggedProcesses(RUN_TAG, runId)).toHaveLength(1)
  expect(supervision.latest(runId)).toBe(0)
  const first = await start(1)
  // Null when the attempt was over sooner than it could be looked at.
  expect([pid, undefined]).toContain(first.supervisor?.pid)
  expect(first.exit).toMatchObject({ code: 0, cause: null })
  // As before every further attempt: the first supervisor may still be ending what carries the run's tag.
  await supervision.sweep(runId)
  expect((await start(2)).exit).toMatchObject({ code: 0, cause: null })
  expect(starts()).toBe(2)
  expect(existsSync(join(attemptFolder(home, runId, 1), 'supervisor.log'))).toBe(true)
})

test('a supervisor that waits starts nothing, and goes when its runner is killed', async () => {
  const { home, runId, starts, waiting, gone } = stage()
  const child = spawn(process.execPath, [runner, home, runId], { stdio: 'ignore' })
  await waiting()
  child.kill('SIGKILL')
  await gone()
  expect(starts()).toBe(0)
  const files = openRunFiles(home)
  files.tidy(runId)
  expect(readdirSync(files.folder(runId))).toEqual([])
})

test('a supervisor that was not needed goes, and leaves no file', async () => {
  const { home, runId, supervision, waiting, gone } = stage()
  supervision.ready(runId)
  await waiting()
  supervision.unready(runId)
  supervision.unready(runId)
  await gone()
  expect(readdirSync(join(home, 'runs', runId))).toEqual([])
})

test('a sweep ends a supervisor that waits', async () => {
  const { runId, supervision, waiting } = stage()
  supervision.ready(runId)
  await waiting()
  expect(await supervision.sweep(runId)).toBe(1)
  expect(taggedProcesses(RUN_TAG, runId)).toEqual([])
})

test('when a supervisor that waited has been killed, another starts the attempt, once', async () => {
  const { runId, supervision, waiting, start, starts } = stage()
  supervision.ready(runId)
  signalProcess(await waiting(), 'SIGKILL')
  expect((await start(1)).exit).toMatchObject({ code: 0, cause: null })
  expect(starts()).toBe(1)
})
