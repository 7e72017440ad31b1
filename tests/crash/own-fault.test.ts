import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { isAlive } from '../../src/machine/process/processes.ts'
import { embeddedStage } from '../support/crash-stage.ts'
import { expectDoneOnce } from '../support/invariants.ts'
import { tempFolder } from '../support/temp.ts'
import { waitFor } from '../support/wait-for.ts'

const ODD = join(import.meta.dirname, '../support/odd-process.ts')

test('a promise that fails unseen ends the runner with 1 and says what to do; the agent lives on and is adopted', async () => {
  const fault = join(tempFolder(), 'fault')
  const stage = await embeddedStage({ env: { NODE_OPTIONS: `--import=${ODD}`, AGENT_RUNNER_TEST_FAULT: fault } })
  const id = await stage.board.add('Make it so', 'major')
  stage.agent.hold(2)
  const runner = stage.start()
  await waitFor('an agent at work', () => stage.attempt()?.agent && stage.agent.written().length === 2)
  writeFileSync(fault, '')
  expect(await runner.exit, runner.output()).toEqual({ code: 1, signal: null })
  expect(runner.output()).toContain('agent-runner: boom\n  Please report this')
  expect(runner.output()).toContain('BUG: boom; the next start goes on with the task in hand')
  expect(stage.lock()).not.toBeNull()
  expect(isAlive(stage.attempt()!.agent!)).toBe(true)
  rmSync(fault)
  const second = stage.start()
  await waitFor('adopted', () => stage.events().some(event => event.type === 'recovered' && event.decision === 'adopted'))
  stage.agent.letGo()
  expect(await second.exit, second.output()).toEqual({ code: 0, signal: null })
  expect(stage.agent.starts()).toHaveLength(1)
  await expectDoneOnce(stage, id)
})
