import { expect, test } from 'vitest'
import { withClocks } from '../support/clocks.ts'
import { headlessPmStage } from '../support/crash-stage.ts'
import { expectDoneOnce, expectNothingRunning } from '../support/invariants.ts'
import { standStill } from '../support/stand-still.ts'
import { waitFor } from '../support/wait-for.ts'

const HOURS_MS = 8 * 3_600_000

/** A machine with an agent at work, which can be put to sleep for some hours: no process runs meanwhile, and both clocks go on. */
async function atWork(env: Record<string, string>) {
  const { stage, pass } = await withClocks(headlessPmStage, env)
  const id = await stage.board.add('Make it so', 'major')
  stage.agent.hold(2)
  const runner = stage.start()
  await waitFor('an agent at work', () => stage.attempt()?.agent && stage.agent.written().length === 2)
  const sleep = () => {
    const wake = standStill(stage, runner)
    pass(HOURS_MS)
    stage.board.server.board.clockOffsetMs += HOURS_MS
    stage.board.server.board.freeStaleLocks()
    wake()
  }
  return { stage, id, runner, sleep }
}

test('the machine sleeps for hours: an agent within its deadline is not taken for silent, and its lock is taken again at once', async () => {
  const { stage, id, runner, sleep } = await atWork({ HEADLESS_PM_CLAUDE_TIMEOUT: '36000', HEADLESS_PM_SILENT_AFTER: '60' })
  sleep()
  await waitFor('the lock is ours again', () =>
    stage.events().some(event => event.type === 'warning' && event.message.includes('taken again')),
  )
  stage.agent.letGo()
  expect(await runner.exit, runner.output()).toEqual({ code: 0, signal: null })
  expect(stage.agent.starts()).toHaveLength(1)
  await expectDoneOnce(stage, id)
})

test('a deadline that passed while the machine was asleep is kept when it wakes', async () => {
  const { stage, runner, sleep } = await atWork({ HEADLESS_PM_CLAUDE_TIMEOUT: '3600' })
  sleep()
  expect((await runner.exit).code, runner.output()).toBe(11)
  expectNothingRunning(stage)
})
