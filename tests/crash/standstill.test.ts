import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { openControlPlaneHttp } from '../../src/connectors/control-plane/http/control-plane-http.ts'
import { attemptFolder } from '../../src/machine/attempts/attempt-files.ts'
import { isAlive, signalProcess } from '../../src/machine/process/processes.ts'
import { withClocks } from '../support/clocks.ts'
import { headlessPmStage } from '../support/crash-stage.ts'
import { expectDoneOnce, expectNothingLost, expectNothingRunning } from '../support/invariants.ts'
import { leasedStage } from '../support/leased-stage.ts'
import { HANGS_MS } from '../support/patience.ts'
import { standStill } from '../support/stand-still.ts'
import { waitFor } from '../support/wait-for.ts'

/** The timeouts of requests are timers, so theirs must really pass while the runner is stopped; for all else the clocks are set. */
const SETTINGS = { HEADLESS_PM_API_TIMEOUT: '4', HEADLESS_PM_HEARTBEAT_INTERVAL: '0.2', HEADLESS_PM_SILENT_AFTER: '60' }
const LONG_MS = 5_000
const HOUR_MS = 3_600_000

async function atWork(env: Record<string, string> = {}) {
  const { stage, pass } = await withClocks(headlessPmStage, { ...SETTINGS, ...env })
  const id = await stage.board.add('Make it so', 'major')
  stage.agent.hold(2)
  const runner = stage.start()
  const attempt = await waitFor('an agent at work', () =>
    stage.agent.written().length === 2 && stage.attempt()?.agent ? stage.attempt() : null,
  )
  const { board } = stage.board.server
  /** For so long the PM has not heard of the agent that its locks are open. */
  const locksExpire = () => {
    board.clockOffsetMs += 31 * 60_000
    board.freeStaleLocks()
  }
  return { stage, id, runner, attempt, locksExpire, pass }
}

test('a runner that is stopped for longer than every timeout goes on with the agent that went on without it', async () => {
  const { stage, id, runner, locksExpire } = await atWork()
  runner.signal('SIGSTOP')
  await delay(LONG_MS)
  locksExpire()
  expect(await stage.board.task(id)).toMatchObject({ holder: null })
  runner.signal('SIGCONT')
  await waitFor('the lock is ours again', async () => (await stage.board.task(id)).holder === 'dev_001')
  stage.agent.letGo()
  expect(await runner.exit, runner.output()).toEqual({ code: 0, signal: null })
  expect(stage.agent.starts()).toHaveLength(1)
  await expectDoneOnce(stage, id)
})

test('a runner that was stopped while its agent came to the end and its lock expired still tells it once', async () => {
  const { stage, id, runner, locksExpire } = await atWork()
  runner.signal('SIGSTOP')
  stage.agent.letGo()
  await waitFor('the agent has ended', () => existsSync(join(attemptFolder(stage.home, stage.runs()[0]!, 1), 'exit.json')))
  await delay(LONG_MS)
  locksExpire()
  runner.signal('SIGCONT')
  expect(await runner.exit, runner.output()).toEqual({ code: 0, signal: null })
  expect(stage.agent.starts()).toHaveLength(1)
  await expectDoneOnce(stage, id)
})

test('a runner that was stopped for so long that another took its task ends its agent, tells nothing and keeps the work', async () => {
  const { stage, id, runner, locksExpire } = await atWork()
  runner.signal('SIGSTOP')
  await delay(LONG_MS)
  locksExpire()
  await stage.board.takeAway(id)
  runner.signal('SIGCONT')
  expect((await runner.exit).code, runner.output()).toBe(12)
  expect(await stage.board.task(id)).toMatchObject({ status: 'under_work', holder: 'dev_999', notes: '' })
  expectNothingRunning(stage)
  expectNothingLost(stage)
})

test.for(['supervisor', 'all'] as const)(
  '%s stopped for longer than every timeout: the agent is neither ended nor started again',
  async who => {
    const { stage, id, runner, attempt, pass } = await atWork()
    const wake = who === 'all' ? standStill(stage, runner) : () => void signalProcess(attempt.supervisor, 'SIGCONT')
    if (who === 'supervisor') signalProcess(attempt.supervisor, 'SIGSTOP')
    await delay(LONG_MS)
    pass(2 * 60_000)
    wake()
    // A fixed time, in which the supervisor looks some times: that it ends nothing has no other sign.
    await delay(1_500)
    expect(isAlive(attempt.agent!)).toBe(true)
    stage.agent.letGo()
    expect(await runner.exit, runner.output()).toEqual({ code: 0, signal: null })
    expect(stage.agent.starts()).toHaveLength(1)
    await expectDoneOnce(stage, id)
  },
)

test('an agent that ends in time while its supervisor is stopped until after the deadline has not timed out', async () => {
  const { stage, id, runner, attempt, pass } = await atWork({ HEADLESS_PM_CLAUDE_TIMEOUT: '1800' })
  signalProcess(attempt.supervisor, 'SIGSTOP')
  stage.agent.letGo()
  await waitFor('the last word', () => stage.agent.starts()[0]!.ended)
  pass(HOUR_MS / 2)
  signalProcess(attempt.supervisor, 'SIGCONT')
  expect(await runner.exit, runner.output()).toEqual({ code: 0, signal: null })
  await expectDoneOnce(stage, id)
})

test('an agent that is stopped for so long that it counts as silent is ended, and its session is resumed', async () => {
  const { stage, id, runner, attempt } = await atWork({ HEADLESS_PM_SILENT_AFTER: '8' })
  process.kill(-attempt.agent!.pid, 'SIGSTOP')
  await waitFor('a second attempt', () => stage.agent.starts().length === 2)
  expect(isAlive(attempt.agent!)).toBe(false)
  stage.agent.letGo()
  expect(await runner.exit, runner.output()).toEqual({ code: 0, signal: null })
  expect(stage.agent.starts()[1]).toMatchObject({ mode: 'resume' })
  await expectDoneOnce(stage, id)
})

/** A control plane whose run was in hand of a runner until everything of it was stopped, and whose lease is over. */
async function fleet() {
  const { api, url, stage, run, leaseEnds } = await leasedStage({}, SETTINGS)
  const completions = async () => (await api.events(run.id)).filter(({ type }) => type === 'RUN_COMPLETED').length
  const runner = stage.start({ role: 'fullstack_dev' })
  await waitFor('an agent at work', () => stage.attempt()?.agent && stage.agent.written().length === 2)
  const wake = standStill(stage, runner)
  await leaseEnds()
  return { stage, runner, wake, url, run: run.id as string, shown: () => api.get(`/runs/${run.id}`), completions }
}

test('a lease that is over because everything was stopped is taken again when nobody else has taken the run', async () => {
  const { stage, runner, wake, shown, completions } = await fleet()
  wake()
  await waitFor('ours again', async () => (await shown()).status === 'RUNNING')
  stage.agent.letGo()
  expect(await runner.exit, runner.output()).toEqual({ code: 0, signal: null })
  expect(await shown()).toMatchObject({ status: 'COMPLETED', agent_id: 'dev_001' })
  expect(stage.agent.starts()).toHaveLength(1)
  expect(await completions()).toBe(1)
  expectNothingRunning(stage)
  expectNothingLost(stage)
})

test('a run that another took while everything of it was stopped is told by that one alone', async () => {
  const { stage, runner, wake, url, run, shown, completions } = await fleet()
  const other = { id: 'dev_002', role: 'fullstack_dev', level: 'senior' } as const
  const tracker = openControlPlaneHttp({ url, key: null, requestTimeoutMs: HANGS_MS, project: 'shop', machine: 'here' })
  onTestFinished(() => tracker.close())
  const never = new AbortController().signal
  const task = (await tracker.look(other, 0, never))!
  expect(await tracker.claim(other, task, run, never)).toBe('ours')
  expect(await tracker.report(other, task, { status: 'dev_done', note: `done\n\n${run}`, runId: run }, never)).toBe('reported')
  const before = await shown()
  expect(before).toMatchObject({ status: 'COMPLETED', agent_id: 'dev_002' })
  wake()
  expect((await runner.exit).code, runner.output()).toBe(12)
  expect(await shown()).toEqual(before)
  expect(await completions()).toBe(1)
  expectNothingRunning(stage)
  expectNothingLost(stage)
})
