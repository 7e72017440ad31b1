import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { attemptFolder } from '../../src/machine/attempts/attempt-files.ts'
import { type CrashStage, embeddedStage } from '../support/crash-stage.ts'
import { expectDoneOnce } from '../support/invariants.ts'
import { waitFor } from '../support/wait-for.ts'

const decisions = (stage: CrashStage) => stage.events().flatMap(event => (event.type === 'recovered' ? event.decision : []))

/** A stage whose agent has done two pieces of three and waits; its runner has just been killed. */
async function withoutRunner() {
  const stage = await embeddedStage()
  const id = await stage.board.add('Make it so', 'major')
  stage.agent.hold(2)
  const runner = stage.start()
  await waitFor('two pieces', () => stage.agent.written().length === 2)
  runner.signal('SIGKILL')
  await runner.exit
  return { stage, id, by: stage.agent.starts()[0]!.pid }
}

const pieces = (stage: CrashStage) =>
  [1, 2, 3].map(n => stage.git('show', `${stage.git('for-each-ref', '--format=%(refname)', 'refs/heads/feature')}:piece-${n}`))

test('an agent that lives is adopted: the same process goes on and nothing is started', async () => {
  const { stage, id } = await withoutRunner()
  const runner = stage.start()
  await waitFor('adopted', () => decisions(stage).includes('adopted'))
  stage.agent.letGo()
  expect(await runner.exit).toEqual({ code: 0, signal: null })
  expect(stage.agent.starts()).toHaveLength(1)
  await expectDoneOnce(stage, id)
})

test('an agent that ended while no runner was there is harvested: nothing is started', async () => {
  const { stage, id } = await withoutRunner()
  stage.agent.letGo()
  await waitFor('ended', () => existsSync(join(attemptFolder(stage.home, stage.runs()[0]!, 1), 'exit.json')))
  await stage.finish()
  expect(decisions(stage)).toContain('harvested')
  expect(stage.agent.starts()).toHaveLength(1)
  await expectDoneOnce(stage, id)
})

test('when all were killed, the next attempt resumes the session in the workspace as it was', async () => {
  const { stage, id, by } = await withoutRunner()
  await stage.killSupervisor()
  await stage.killAgent()
  stage.agent.letGo()
  await stage.finish()
  const [first, second, ...more] = stage.agent.starts()
  expect(more).toEqual([])
  expect(second).toMatchObject({ mode: 'resume', sessionId: first!.sessionId })
  expect(second!.prompt).toContain('interrupted')
  expect(pieces(stage)).toEqual([`piece 1 by ${by}`, `piece 2 by ${by}`, `piece 3 by ${second!.pid}`])
  await expectDoneOnce(stage, id)
})

test('a session whose transcript is gone begins afresh under a new id, and is told what was done', async () => {
  const { stage, id, by } = await withoutRunner()
  await stage.killSupervisor()
  await stage.killAgent()
  stage.agent.letGo()
  stage.agent.forget(stage.agent.starts()[0]!.sessionId)
  await stage.finish()
  const [first, second] = stage.agent.starts()
  expect(second!.mode).toBe('fresh')
  expect(second!.sessionId).not.toBe(first!.sessionId)
  expect(second!.prompt).toContain('All of it.')
  expect(second!.prompt).toContain('piece-2')
  expect(pieces(stage)).toEqual([`piece 1 by ${by}`, `piece 2 by ${by}`, `piece 3 by ${second!.pid}`])
  await expectDoneOnce(stage, id)
})

test('a session that the CLI refuses to resume begins afresh under a new id', async () => {
  const { stage, id } = await withoutRunner()
  await stage.killSupervisor()
  await stage.killAgent()
  stage.agent.letGo()
  stage.agent.next('refuse')
  await stage.finish()
  const starts = stage.agent.starts()
  expect(starts.map(start => start.mode)).toEqual(['fresh', 'resume', 'fresh'])
  expect(starts[2]!.sessionId).not.toBe(starts[0]!.sessionId)
  await expectDoneOnce(stage, id)
})
