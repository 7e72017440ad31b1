import { expect, test } from 'vitest'
import { isAlive } from '../../src/machine/process/processes.ts'
import { type CrashStage, embeddedStage } from '../support/crash-stage.ts'
import { expectDoneOnce, expectNothingRunning } from '../support/invariants.ts'
import { waitFor } from '../support/wait-for.ts'

async function atWork(stage: CrashStage) {
  const id = await stage.board.add('Make it so', 'major')
  stage.agent.hold(2)
  const runner = stage.start()
  const agent = await waitFor('an agent at work', () => (stage.agent.written().length === 2 ? stage.attempt()?.agent : null))
  return { id, runner, agent }
}

test('USR2 leaves the agent at work, and the next start adopts it', async () => {
  const stage = await embeddedStage()
  const { id, runner, agent } = await atWork(stage)
  runner.signal('SIGUSR2')
  expect(await runner.exit, runner.output()).toEqual({ code: 0, signal: null })
  expect(isAlive(agent)).toBe(true)
  const next = stage.start()
  await waitFor('adopted', () => stage.events().some(event => event.type === 'recovered' && event.decision === 'adopted'))
  stage.agent.letGo()
  expect(await next.exit, next.output()).toEqual({ code: 0, signal: null })
  expect(stage.agent.starts()).toHaveLength(1)
  await expectDoneOnce(stage, id)
})

test('a second TERM stops the agent and keeps the task; the next start resumes its session', async () => {
  const stage = await embeddedStage()
  const { id, runner, agent } = await atWork(stage)
  runner.signal('SIGTERM')
  await waitFor('the first is heard', () => /finishing the task in hand/.test(runner.output()))
  runner.signal('SIGTERM')
  expect(await runner.exit, runner.output()).toEqual({ code: 12, signal: null })
  expect(isAlive(agent)).toBe(false)
  expectNothingRunning(stage)
  expect(await stage.board.task(id)).toMatchObject({ status: 'under_work', holder: 'dev_001' })
  // What the agent said is told once, although it was read once more after the stop.
  const said = stage.events().flatMap(event => (event.type === 'agent_text' ? event.text : []))
  expect(said).toEqual(['piece 1 is there', 'piece 2 is there'])
  stage.agent.letGo()
  await stage.finish()
  const [first, second, ...more] = stage.agent.starts()
  expect(more).toEqual([])
  expect(second).toMatchObject({ mode: 'resume', sessionId: first!.sessionId })
  await expectDoneOnce(stage, id)
})

test('a runner that is killed while it stops its agent leaves a task that the next start finishes', async () => {
  const stage = await embeddedStage()
  const { id, runner } = await atWork(stage)
  for (let n = 0; n < 2; n++) {
    runner.signal('SIGTERM')
    await waitFor('heard', () => runner.output().split('SIGTERM').length > n + 1)
  }
  runner.signal('SIGKILL')
  await runner.exit
  stage.agent.letGo()
  await stage.finish()
  await expectDoneOnce(stage, id)
})
