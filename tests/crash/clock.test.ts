import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { isAlive } from '../../src/machine/process/processes.ts'
import { withClocks } from '../support/clocks.ts'
import { embeddedStage, headlessPmStage } from '../support/crash-stage.ts'
import { expectDoneOnce, expectNothingRunning } from '../support/invariants.ts'
import { waitFor } from '../support/wait-for.ts'

const HOUR_MS = 3_600_000
const YEAR_MS = 365 * 24 * HOUR_MS
const JUMPS = [
  { name: 'an hour ahead', ms: HOUR_MS },
  { name: 'an hour back', ms: -HOUR_MS },
  { name: 'a year ahead', ms: YEAR_MS },
  { name: 'a year back', ms: -YEAR_MS },
]

test.for(JUMPS)('the clock jumps $name while the agent works: it does not notice, nor does the runner that adopts it', async ({ ms }) => {
  const { stage, jump } = await withClocks(headlessPmStage, { HEADLESS_PM_HEARTBEAT_INTERVAL: '0.2' })
  const id = await stage.board.add('Make it so', 'major')
  stage.agent.hold(2)
  const first = stage.start()
  await waitFor('an agent at work', () => stage.attempt()?.agent && stage.agent.written().length === 2)
  jump(ms)
  const beats = () => stage.board.server.requests.filter(({ path }) => path.endsWith('/register')).length
  const before = beats()
  await waitFor('heartbeats go on', () => beats() > before + 2)
  first.signal('SIGKILL')
  await first.exit
  const second = stage.start()
  await waitFor('adopted', () => stage.events().some(event => event.type === 'recovered' && event.decision === 'adopted'))
  jump(0)
  stage.agent.letGo()
  expect(await second.exit, second.output()).toEqual({ code: 0, signal: null })
  expect(stage.agent.starts()).toHaveLength(1)
  await expectDoneOnce(stage, id)
})

test.for([JUMPS[0]!, JUMPS[3]!])('the clock jumps $name: the deadline comes when it would have come', async ({ ms }) => {
  const { stage, jump, pass } = await withClocks(embeddedStage, { HEADLESS_PM_CLAUDE_TIMEOUT: '1800' })
  await stage.board.add('Make it so', 'major')
  stage.agent.hold(2)
  const runner = stage.start()
  await waitFor('an agent at work', () => stage.attempt()?.agent && stage.agent.written().length === 2)
  jump(ms)
  // A fixed time, in which the supervisor looks some times: that it ends nothing has no other sign.
  await delay(1_500)
  expect(isAlive(stage.attempt()!.agent!)).toBe(true)
  pass(HOUR_MS / 2)
  expect((await runner.exit).code, runner.output()).toBe(11)
  expectNothingRunning(stage)
})

test.for(JUMPS)(
  'the clock jumps $name and the runner is killed: the wait for a usage limit is neither prolonged nor cut short',
  async ({ ms }) => {
    const { stage, jump, pass } = await withClocks(embeddedStage, { HEADLESS_PM_USAGE_LIMIT_WAIT: '1800' })
    const id = await stage.board.add('Make it so', 'major')
    stage.agent.next('limit')
    const runner = stage.start()
    const waits = () => stage.events().filter(event => event.type === 'waiting').length
    await waitFor('waiting', () => waits() === 1)
    const due = stage.lock()!.notBefore!.until
    jump(ms)
    runner.signal('SIGKILL')
    await runner.exit
    const second = stage.start()
    await waitFor('waiting again', () => waits() === 2)
    expect(stage.agent.starts()).toHaveLength(1)
    pass(HOUR_MS / 2)
    expect(await second.exit, second.output()).toEqual({ code: 0, signal: null })
    const started = stage.events().filter(event => event.type === 'attempt_started')
    expect(Date.parse(started[1]!.at) - ms).toBeGreaterThanOrEqual(due)
    expect(stage.agent.starts()).toHaveLength(2)
    await expectDoneOnce(stage, id)
  },
)
