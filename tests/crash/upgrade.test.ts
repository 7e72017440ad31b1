import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { isAlive } from '../../src/machine/process/processes.ts'
import { bundleInto } from '../support/bundle.ts'
import { headlessPmStage } from '../support/crash-stage.ts'
import { expectDoneOnce } from '../support/invariants.ts'
import { tempFolder } from '../support/temp.ts'
import { waitFor } from '../support/wait-for.ts'

/** The program as it is shipped, built with a version of its own; answers where it begins. */
async function built(version: string): Promise<string> {
  const main = await bundleInto(tempFolder(), version)
  expect(execFileSync(process.execPath, [main, '--version'], { encoding: 'utf8' })).toContain(version)
  return main
}

test('a newer program adopts the supervisor of an older one that was detached, and the agent does not notice', async () => {
  const [older, newer] = await Promise.all([built('7.0.0'), built('8.0.0')])
  const stage = await headlessPmStage()
  const id = await stage.board.add('Make it so', 'major')
  stage.agent.hold(2)
  const before = stage.start({ main: older })
  await waitFor('an agent at work', () => stage.attempt()?.agent && stage.agent.written().length === 2)
  before.signal('SIGUSR2')
  expect(await before.exit, before.output()).toEqual({ code: 0, signal: null })
  const { supervisor, agent } = stage.attempt()!
  expect(readFileSync(`/proc/${supervisor.pid}/cmdline`, 'utf8')).toContain(older)
  const after = stage.start({ main: newer })
  await waitFor('adopted', () => stage.events().some(event => event.type === 'recovered' && event.decision === 'adopted'))
  expect([isAlive(supervisor), isAlive(agent!)]).toEqual([true, true])
  stage.agent.letGo()
  expect(await after.exit, after.output()).toEqual({ code: 0, signal: null })
  expect(stage.agent.starts()).toHaveLength(1)
  await expectDoneOnce(stage, id)
})
