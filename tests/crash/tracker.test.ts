import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { attemptFolder } from '../../src/machine/attempts/attempt-files.ts'
import type { PmBoard } from '../support/crash-board.ts'
import { type CrashStage, embeddedStage, headlessPmStage } from '../support/crash-stage.ts'
import { expectDoneOnce, expectNothingLeft, expectNothingLost, expectNothingRunning } from '../support/invariants.ts'
import { waitFor } from '../support/wait-for.ts'

const isReport = (request: { method: string; path: string; body: unknown }) =>
  request.method === 'PUT' && request.path.endsWith('/status') && (request.body as { status?: string }).status === 'dev_done'
const told = (stage: CrashStage, words: string) => stage.events().some(event => 'message' in event && String(event.message).includes(words))

/** A stage whose agent has begun and waits, with its runner. */
async function atWork(stage: CrashStage<PmBoard>) {
  const id = await stage.board.add('Make it so', 'major')
  stage.agent.hold(1)
  const runner = stage.start()
  await waitFor('an agent at work', () => stage.attempt()?.agent && stage.agent.written().length === 1)
  return { id, runner }
}

async function killed(runner: { signal(name: NodeJS.Signals): void; exit: Promise<unknown> }) {
  runner.signal('SIGKILL')
  await runner.exit
}

test('a report whose answer is lost with the runner is on the task once', async () => {
  const stage = await headlessPmStage()
  const id = await stage.board.add('Make it so', 'major')
  let runner = { signal: (_: NodeJS.Signals) => {} }
  stage.board.server.onRequest = request => {
    if (!isReport(request)) return 'pass'
    runner.signal('SIGKILL')
    return 'drop_after'
  }
  const first = stage.start()
  runner = first
  expect(await first.exit).toMatchObject({ signal: 'SIGKILL' })
  await waitFor('the report has arrived', async () => (await stage.board.task(id)).status === 'dev_done')
  stage.board.server.onRequest = () => 'pass'
  await stage.finish()
  await expectDoneOnce(stage, id)
})

test('a report whose answer is lost is on the task once, also when it is tried again by the same runner', async () => {
  const stage = await headlessPmStage()
  const id = await stage.board.add('Make it so', 'major')
  let faults = 0
  stage.board.server.onRequest = request => (isReport(request) && ++faults <= 1 ? 'drop_after' : 'pass')
  await stage.finish()
  expect(faults).toBe(1)
  await expectDoneOnce(stage, id)
})

test.each([
  ['before the first', 1, 'reset_before'],
  ['after the first', 1, 'drop_after'],
  ['before the second', 2, 'reset_before'],
  ['after the second', 2, 'drop_after'],
] as const)(
  'a task that somebody finished before our lock is not done again by a runner that dies %s write opening it',
  async (_, nth, fault) => {
    const stage = await headlessPmStage()
    const { server } = stage.board
    const id = await stage.board.add('Make it so', 'major')
    server.board.register({ agent_id: 'dev_2', role: 'backend_dev', level: 'senior' })
    let runner = { signal: (_: NodeJS.Signals) => {} }
    let writes = 0
    server.onRequest = ({ path }) => {
      if (path.endsWith('/lock')) {
        for (const status of ['under_work', 'dev_done']) server.board.setStatus(Number(id), { status }, 'dev_2')
        return 'drop_after'
      }
      if (!path.endsWith('/status') || ++writes !== nth) return 'pass'
      runner.signal('SIGKILL')
      return fault
    }
    const first = stage.start()
    runner = first
    expect(await first.exit).toMatchObject({ signal: 'SIGKILL' })
    await waitFor('nothing is under way', () => server.open === 0)
    server.onRequest = () => 'pass'
    await stage.finish(14)
    expect(server.board.task(Number(id))).toMatchObject({ status: 'dev_done', locked_by: null, notes: null })
    expect(stage.agent.starts()).toEqual([])
    expectNothingLeft(stage)
  },
)

test('a server that is away when the agent ends gets the report when it is back, also from a runner that was started meanwhile', async () => {
  const stage = await headlessPmStage()
  const { id, runner } = await atWork(stage)
  await stage.board.goAway()
  stage.agent.letGo()
  await waitFor('a try to report', () => stage.lock()?.steps.at(-1)?.name === 'report')
  await killed(runner)
  const second = stage.start()
  await waitFor('another try', () => /reporting: .*trying again/.test(second.output()))
  await stage.board.comeBack()
  expect(await second.exit, second.output()).toEqual({ code: 0, signal: null })
  expect(stage.agent.starts()).toHaveLength(1)
  await expectDoneOnce(stage, id)
})

test('an agent is adopted while the server is away', async () => {
  const stage = await headlessPmStage()
  const { id, runner } = await atWork(stage)
  await killed(runner)
  await stage.board.goAway()
  const second = stage.start()
  await waitFor('adopted', () => told(stage, 'is alive: following it'))
  stage.agent.letGo()
  await waitFor('a try to report', () => stage.lock()?.steps.at(-1)?.name === 'report')
  await stage.board.comeBack()
  expect(await second.exit, second.output()).toEqual({ code: 0, signal: null })
  expect(stage.agent.starts()).toHaveLength(1)
  await expectDoneOnce(stage, id)
})

test('what a killed agent leaves is ended at once, not only when the server is back', async () => {
  const stage = await headlessPmStage()
  const { id, runner } = await atWork(stage)
  await stage.board.goAway()
  await stage.killSupervisor()
  await waitFor('the agent is ended', () => stage.lock()?.attempts[0]?.ended)
  expectNothingRunning(stage)
  expect(stage.agent.starts()).toHaveLength(1)
  stage.agent.letGo()
  await stage.board.comeBack()
  expect(await runner.exit, runner.output()).toEqual({ code: 0, signal: null })
  await expectDoneOnce(stage, id)
})

test.for(['embedded', 'headless-pm'] as const)(
  'an attempt that was decided is not started when the task has gone to somebody else meanwhile (%s)',
  async tracker => {
    const stage = await (tracker === 'embedded' ? embeddedStage() : headlessPmStage())
    const id = await stage.board.add('Make it so', 'major')
    await stage.killedAt('decided:agent')
    await stage.board.takeAway(id)
    const before = await stage.board.task(id)
    await stage.finish(12)
    expect(stage.agent.starts()).toEqual([])
    expect(await stage.board.task(id)).toEqual(before)
    expectNothingRunning(stage)
    expect(stage.lock()).toBeNull()
  },
)

test('an adopted agent is stopped at once when its task has gone to somebody else, and its work is kept', async () => {
  const stage = await headlessPmStage()
  const { id, runner } = await atWork(stage)
  await killed(runner)
  await stage.board.takeAway(id)
  const before = await stage.board.task(id)
  await stage.finish(12)
  expect(await stage.board.task(id)).toEqual(before)
  expectNothingRunning(stage)
  expectNothingLost(stage)
  expect(existsSync(join(stage.repo, '.worktrees', `task-${id}`, 'piece-1'))).toBe(true)
})

test('the wait at a usage limit survives a restart, and the attempt is not counted', async () => {
  const stage = await embeddedStage({ env: { HEADLESS_PM_USAGE_LIMIT_WAIT: '5', HEADLESS_PM_MAX_ATTEMPTS: '1' } })
  const id = await stage.board.add('Make it so', 'major')
  stage.agent.next('limit')
  const runner = stage.start()
  const waits = () => stage.events().filter(event => event.type === 'waiting').length
  await waitFor('waiting', () => waits() === 1)
  const { notBefore } = stage.lock()!
  await killed(runner)
  const second = stage.start()
  await waitFor('waiting again', () => waits() === 2)
  expect(stage.agent.starts()).toHaveLength(1)
  expect(await second.exit, second.output()).toEqual({ code: 0, signal: null })
  expect(Date.now()).toBeGreaterThanOrEqual(notBefore!.until)
  const [first, resumed, ...more] = stage.agent.starts()
  expect(more).toEqual([])
  expect(resumed).toMatchObject({ mode: 'resume', sessionId: first!.sessionId })
  await expectDoneOnce(stage, id)
})

test('an agent that the server has forgotten is known there again before its unfinished work goes on', async () => {
  const stage = await headlessPmStage()
  const { id, runner } = await atWork(stage)
  await killed(runner)
  stage.agent.letGo()
  await waitFor('ended', () => existsSync(join(attemptFolder(stage.home, stage.runs()[0]!, 1), 'exit.json')))
  const { board } = stage.board.server
  board.agents = board.agents.filter(agent => agent.agent_id === 'pm_1')
  await stage.finish()
  await expectDoneOnce(stage, id)
})
