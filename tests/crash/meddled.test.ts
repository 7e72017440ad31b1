import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { machineStatus } from '../../src/cli/status/machine-status.ts'
import { unlockCommand } from '../../src/cli/unlock.ts'
import { isAlive, RUN_TAG, taggedProcesses } from '../../src/machine/process/processes.ts'
import { capture } from '../cli/capture.ts'
import { type CrashStage, headlessPmStage } from '../support/crash-stage.ts'
import { expectDoneOnce, expectNothingLeft, expectNothingLost, expectNothingRunning, expectToldOnce } from '../support/invariants.ts'
import { waitFor } from '../support/wait-for.ts'

/** A run whose agent is at work. */
async function atWork() {
  const stage = await headlessPmStage()
  const id = await stage.board.add('Make it so', 'major')
  stage.agent.hold(2)
  const runner = stage.start()
  await waitFor('an agent at work', () => stage.attempt()?.agent && stage.agent.written().length === 2)
  const folder = join(stage.home, 'runs', stage.runs()[0]!)
  return { stage, id, runner, folder, attempt: join(folder, 'attempts', '1') }
}

async function killed(runner: ReturnType<CrashStage['start']>) {
  runner.signal('SIGKILL')
  await runner.exit
}

test.each(['the folder of a run', 'the attempts of a run'])(
  '%s that somebody removed while its agent lived without a runner: no second agent beside the first',
  async what => {
    const { stage, id, runner, folder } = await atWork()
    await killed(runner)
    const agent = stage.attempt()!.agent!
    rmSync(what === 'the folder of a run' ? folder : join(folder, 'attempts'), { recursive: true, maxRetries: 10 })
    const second = stage.start()
    await waitFor('a second start', () => stage.agent.starts().length === 2)
    expect(isAlive(agent)).toBe(false)
    stage.agent.letGo()
    expect(await second.exit, second.output()).toEqual({ code: 0, signal: null })
    await expectDoneOnce(stage, id)
  },
)

test('a prompt that is gone when its attempt is started is written anew', async () => {
  const stage = await headlessPmStage()
  const id = await stage.board.add('Make it so', 'major')
  await stage.killedAt('decided:agent')
  rmSync(join(stage.home, 'runs', stage.runs()[0]!, 'prompt.md'))
  await stage.finish()
  expect(stage.agent.starts()).toHaveLength(1)
  expect(stage.agent.starts()[0]!.prompt).toContain('Make it so')
  await expectDoneOnce(stage, id)
})

test.for(['exit.json', 'started.json', 'attempt.json'])(
  '%s turned into garbage after all was killed: refused with 73, and nothing of the work is touched',
  async name => {
    const { stage, runner, attempt } = await atWork()
    await killed(runner)
    await stage.killSupervisor()
    await stage.killAgent()
    writeFileSync(join(attempt, name), '\0\0\0', 'latin1')
    const last = await stage.finish(73)
    expect(last.output()).toContain(join(attempt, name))
    expect(last.output()).not.toMatch(/^ +at /m)
    expect(stage.lock()).not.toBeNull()
    expectNothingLost(stage)
    if (name !== 'attempt.json')
      expect(machineStatus(stage.home, null).agents).toMatchObject([
        { state: 'interrupted', supervisor: 'gone', problem: `${join(attempt, name)} is damaged` },
      ])
    // What the line advises.
    const env = { HEADLESS_PM_HOME: stage.home, HOME: stage.user, PATH: process.env.PATH ?? '', ...stage.board.env }
    const told = await capture(unlockCommand, ['unlock', 'dev_001'], { cwd: stage.repo, env })
    expect(told.exitCode, told.err).toBe(0)
    expect(stage.lock()).toBeNull()
    expectNothingLost(stage)
  },
)

test.for([
  ['exit.json', { code: '0' }],
  ['exit.json', null],
  ['started.json', { supervisor: { pid: 'one' } }],
  ['started.json', null],
  ['attempt.json', { command: [] }],
  ['attempt.json', null],
] as const)(
  '%s of the right version and the wrong shape (%o), or a folder, after all was killed: refused with 73',
  async ([name, shape]) => {
    const { stage, runner, attempt } = await atWork()
    await killed(runner)
    await stage.killSupervisor()
    await stage.killAgent()
    rmSync(join(attempt, name), { force: true })
    if (shape === null) mkdirSync(join(attempt, name))
    else writeFileSync(join(attempt, name), JSON.stringify({ version: 1, ...shape }))
    const last = await stage.finish(73)
    expect(last.output()).toContain(`${join(attempt, name)} is damaged`)
    expect(last.output()).not.toMatch(/^ +at /m)
    expect(stage.lock()).not.toBeNull()
    expectNothingLost(stage)
  },
)

test('folders in the place of timeline and output after all was killed: the session is resumed, and told without them', async () => {
  const { stage, id, runner, folder, attempt } = await atWork()
  await killed(runner)
  await stage.killSupervisor()
  await stage.killAgent()
  for (const path of [join(folder, 'events.jsonl'), join(attempt, 'stdout.jsonl')]) {
    rmSync(path)
    mkdirSync(path)
  }
  stage.agent.letGo()
  const last = await stage.finish()
  expect(last.output()).toContain('events cannot be kept')
  expect(last.output()).not.toMatch(/^ +at /m)
  expect(stage.agent.starts().map(({ mode }) => mode)).toEqual(['fresh', 'resume'])
  await expectToldOnce(stage, id, 'dev_done')
  expectNothingRunning(stage)
  expectNothingLost(stage)
})

test('a folder in the place of a prompt: refused with 73, without a stack trace', async () => {
  const stage = await headlessPmStage()
  await stage.board.add('Make it so', 'major')
  await stage.killedAt('decided:agent')
  const prompt = join(stage.home, 'runs', stage.runs()[0]!, 'prompt.md')
  rmSync(prompt)
  mkdirSync(prompt)
  const last = await stage.finish(73)
  expect(last.output()).not.toMatch(/^ +at /m)
  expect(stage.agent.starts()).toEqual([])
})

test('a state folder that is removed under a living runner ends it with 75, since another may have its agent id now', async () => {
  const { stage, runner } = await atWork()
  const run = stage.runs()[0]!
  rmSync(stage.home, { recursive: true, maxRetries: 10 })
  stage.agent.letGo()
  expect((await runner.exit).code, runner.output()).toBe(75)
  expect(runner.output()).toContain('the state folder was removed or replaced')
  expect(runner.output()).not.toMatch(/^ +at /m)
  await waitFor('nothing left', () => taggedProcesses(RUN_TAG, run).length === 0)
  expectNothingLost(stage)
})

test('a guard that is replaced under a living runner: it ends before its next step, and who comes adopts its agent', async () => {
  const { stage, id, runner } = await atWork()
  const guard = join(stage.home, 'locks', 'agent-dev_001.guard')
  rmSync(guard)
  const second = stage.start()
  await waitFor('adopted', () => stage.events().some(event => event.type === 'recovered' && event.decision === 'adopted'))
  stage.agent.letGo()
  expect((await runner.exit).code, runner.output()).toBe(75)
  expect(await second.exit, second.output()).toEqual({ code: 0, signal: null })
  expect(stage.agent.starts()).toHaveLength(1)
  await expectDoneOnce(stage, id)
})

test.each(['while the agent works', 'while nobody works'])(
  'a worktree that somebody removed %s is made anew for the next attempt, with what is on its branch',
  async when => {
    const { stage, id, runner } = await atWork()
    if (when === 'while nobody works') {
      await killed(runner)
      await stage.killSupervisor()
      await stage.killAgent()
    }
    rmSync(join(stage.repo, '.worktrees', `task-${id}`), { recursive: true, maxRetries: 10 })
    stage.agent.letGo()
    const last = when === 'while nobody works' ? stage.start() : runner
    expect(await last.exit, last.output()).toEqual({ code: 0, signal: null })
    expect(last.output()).toContain('was gone')
    const [first, second, ...more] = stage.agent.starts()
    expect(more).toEqual([])
    expect(second).toMatchObject({ mode: 'resume', sessionId: first!.sessionId })
    await expectToldOnce(stage, id, 'dev_done')
    expectNothingRunning(stage)
    expectNothingLeft(stage)
    // What was committed is still there; what was not went with the folder, by somebody else's hand, and was done again.
    const branch = stage.git('for-each-ref', '--format=%(refname)', 'refs/heads/feature')
    expect(stage.git('show', `${branch}:piece-1`)).toBe(`piece 1 by ${first!.pid}`)
    expect(stage.git('show', `${branch}:piece-2`)).toBe(`piece 2 by ${second!.pid}`)
  },
)

test.each(['removed', 'turned into garbage'])(
  'a lock file that is %s under a living runner is written again by its next step',
  async how => {
    const { stage, id, runner } = await atWork()
    const lock = join(stage.home, 'locks', 'agent-dev_001.lock')
    if (how === 'removed') rmSync(lock)
    else writeFileSync(lock, 'garbage')
    stage.agent.letGo()
    expect(await runner.exit, runner.output()).toEqual({ code: 0, signal: null })
    await expectDoneOnce(stage, id)
  },
)

test('a base branch that is renamed while the agent works costs nothing', async () => {
  const { stage, id, runner } = await atWork()
  stage.git('branch', '-m', 'main', 'trunk')
  stage.agent.letGo()
  expect(await runner.exit, runner.output()).toEqual({ code: 0, signal: null })
  await expectDoneOnce(stage, id)
})

test('killed at one step after the other, with a report that took effect and was answered with 500 in between: told once', async () => {
  const { stage, id, runner } = await atWork()
  await killed(runner)
  stage.agent.letGo()
  await stage.killedAt('done:collect')
  let failed = 0
  stage.board.server.onRequest = ({ method, path }) =>
    method === 'PUT' && path.endsWith('/status') && failed++ < 1 ? { status: 500, body: '{}', applied: true } : 'pass'
  for (const point of ['done:report', 'done:postHook', 'done:cleanup', 'done:release']) await stage.killedAt(point)
  await stage.finish()
  expect(failed).toBeGreaterThan(0)
  expect(stage.agent.starts()).toHaveLength(1)
  await expectDoneOnce(stage, id)
})
