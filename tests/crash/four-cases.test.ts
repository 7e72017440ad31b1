import { expect, test } from 'vitest'
import { embeddedStage } from '../support/crash-stage.ts'
import { expectDoneOnce } from '../support/invariants.ts'
import { waitFor } from '../support/wait-for.ts'

const decisions = (stage: Awaited<ReturnType<typeof embeddedStage>>) =>
  stage.events().flatMap(event => (event.type === 'recovered' ? event.decision : []))

test('an agent whose runner was killed is adopted: the same process goes on and nothing is started again', async () => {
  const stage = await embeddedStage()
  const id = await stage.board.add('Make it so', 'major')
  stage.agent.hold(2)
  const first = stage.start()
  await waitFor('two pieces', () => stage.agent.written().length === 2)
  first.signal('SIGKILL')
  await first.exit
  const second = stage.start()
  await waitFor('adopted', () => decisions(stage).includes('adopted'))
  stage.agent.letGo()
  expect(await second.exit).toEqual({ code: 0, signal: null })
  expect(stage.agent.starts()).toHaveLength(1)
  await expectDoneOnce(stage, id)
})
