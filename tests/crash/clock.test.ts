import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { type CrashStage, embeddedStage, headlessPmStage, type StageOptions } from '../support/crash-stage.ts'
import { expectDoneOnce, expectNothingRunning } from '../support/invariants.ts'
import { tempFolder } from '../support/temp.ts'
import { waitFor } from '../support/wait-for.ts'

const HOUR_MS = 3_600_000
const YEAR_MS = 365 * 24 * HOUR_MS
const JUMPS = [
  { name: 'an hour ahead', ms: HOUR_MS },
  { name: 'an hour back', ms: -HOUR_MS },
  { name: 'a year ahead', ms: YEAR_MS },
  { name: 'a year back', ms: -YEAR_MS },
]

/** A stage on a machine whose wall clock can be set. */
async function withClock<S extends CrashStage>(open: (options: StageOptions) => Promise<S>, env: Record<string, string> = {}) {
  const file = join(tempFolder(), 'clock')
  const odd = join(import.meta.dirname, '../support/odd-process.ts')
  const stage = await open({
    env: {
      NODE_OPTIONS: `--import=${odd}`,
      HEADLESS_PM_PASS_ENV: 'NODE_OPTIONS AGENT_RUNNER_TEST_*',
      AGENT_RUNNER_TEST_CLOCK: file,
      ...env,
    },
  })
  return { stage, jump: (ms: number) => writeFileSync(file, String(ms)) }
}

test.for(JUMPS)('the clock jumps $name while the agent works: it does not notice, nor does the runner that adopts it', async ({ ms }) => {
  const { stage, jump } = await withClock(headlessPmStage, { HEADLESS_PM_HEARTBEAT_INTERVAL: '0.2' })
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
  const { stage, jump } = await withClock(embeddedStage, { HEADLESS_PM_CLAUDE_TIMEOUT: '2' })
  await stage.board.add('Make it so', 'major')
  stage.agent.hold(2)
  const runner = stage.start()
  await waitFor('an agent at work', () => stage.attempt()?.agent && stage.agent.written().length === 2)
  const began = performance.now()
  jump(ms)
  expect((await runner.exit).code, runner.output()).toBe(11)
  expect(performance.now() - began).toBeGreaterThan(500)
  expect(performance.now() - began).toBeLessThan(10_000)
  expectNothingRunning(stage)
})

test.for(JUMPS)(
  'the clock jumps $name and the runner is killed: the wait for a usage limit is neither prolonged nor cut short',
  async ({ ms }) => {
    const { stage, jump } = await withClock(embeddedStage, { HEADLESS_PM_USAGE_LIMIT_WAIT: '3' })
    const id = await stage.board.add('Make it so', 'major')
    stage.agent.next('limit')
    const runner = stage.start()
    await waitFor('waiting', () => stage.events().some(event => event.type === 'waiting'))
    const due = stage.lock()!.notBefore!.until
    const began = performance.now()
    jump(ms)
    runner.signal('SIGKILL')
    await runner.exit
    await stage.finish()
    expect(performance.now() - began).toBeLessThan(9_000)
    const started = stage.events().filter(event => event.type === 'attempt_started')
    expect(Date.parse(started[1]!.at) - ms).toBeGreaterThanOrEqual(due)
    expect(stage.agent.starts()).toHaveLength(2)
    await expectDoneOnce(stage, id)
  },
)
