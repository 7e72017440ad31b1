import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { machineStatus } from '../../src/cli/status/machine-status.ts'
import { isAlive } from '../../src/machine/process/processes.ts'
import type { CrashStage } from '../support/crash-stage.ts'
import { expectNothingLeft, expectNothingLost, expectNothingRunning } from '../support/invariants.ts'
import { leasedStage } from '../support/leased-stage.ts'
import { waitFor } from '../support/wait-for.ts'

/** One agent's runner was killed, its agent lives; the lease of its run is over, and another agent of the same machine is there. */
async function leftAlone(how: 'SIGKILL' | 'SIGSTOP' = 'SIGKILL', complexity: 'major' | 'minor' = 'major') {
  const { api, stage, run, leaseEnds } = await leasedStage({ complexity })
  const shown = () => api.get(`/runs/${run.id}`)
  const first = stage.start({ role: 'fullstack_dev' })
  await waitFor('an agent at work', () => stage.attempt()?.agent && stage.agent.written().length === 2)
  const agent = stage.attempt()!.agent!
  first.signal(how)
  if (how === 'SIGKILL') await first.exit
  await leaseEnds()
  const events = () => api.events(run.id)
  return {
    stage,
    agent,
    shown,
    events,
    first,
    other: (fault?: string) => stage.start({ role: 'fullstack_dev', agentId: 'dev_002', ...(fault && { fault }) }),
  }
}

/** The timeline has each number once, and tells one end, that of the agent that came to it; so does the result. */
function expectOneTale(stage: CrashStage) {
  const told = stage.events()
  expect(told.map(({ seq }) => seq)).toEqual(told.map((_, n) => n + 1))
  expect(told.filter(event => event.type === 'run_finished')).toMatchObject([{ agentId: 'dev_002', reason: 'completed' }])
  const result = readFileSync(join(stage.home, 'runs', stage.runs()[0]!, 'result.json'), 'utf8')
  expect(JSON.parse(result)).toMatchObject({ agent_id: 'dev_002', reason: 'completed' })
}

test('who takes over a run on the machine of its dead runner first ends the agent that lived on, and loses nothing of its work', async () => {
  const { stage, agent, shown, other } = await leftAlone()
  const second = other()
  await waitFor('its own agent', () => stage.agent.starts().length === 2)
  expect(isAlive(agent)).toBe(false)
  stage.agent.letGo()
  expect(await second.exit, second.output()).toEqual({ code: 0, signal: null })
  expect(stage.agent.overlaps()).toEqual([])
  const [before, after] = stage.agent.starts()
  expect(after).toMatchObject({ mode: 'resume', sessionId: before!.sessionId })
  expect(after!.prompt).toContain('the agent was killed from outside')
  expect(await shown()).toMatchObject({ status: 'COMPLETED', agent_id: 'dev_002' })
  expectNothingRunning(stage)
  expectNothingLost(stage)
  expectOneTale(stage)
  const late = stage.start({ role: 'fullstack_dev' })
  expect((await late.exit).code, late.output()).toBe(12)
  expect(stage.agent.starts()).toHaveLength(2)
  expect(await shown()).toMatchObject({ status: 'COMPLETED', agent_id: 'dev_002' })
  expectNothingLeft(stage)
})

test('who comes back to a run that another agent of the machine has taken over touches nothing of it', async () => {
  const { stage, shown, events, other } = await leftAlone()
  const second = other()
  await waitFor('its own agent', () => stage.attempt(2)?.agent && stage.agent.starts().length === 2)
  const { agent } = stage.attempt(2)!
  const late = stage.start({ role: 'fullstack_dev' })
  expect((await late.exit).code, late.output()).toBe(12)
  expect(isAlive(agent!)).toBe(true)
  stage.agent.letGo()
  expect(await second.exit, second.output()).toEqual({ code: 0, signal: null })
  expect(stage.agent.starts()).toHaveLength(2)
  expect(stage.agent.overlaps()).toEqual([])
  expect(await shown()).toMatchObject({ status: 'COMPLETED', agent_id: 'dev_002' })
  expect((await events()).filter(event => event.type === 'RUN_COMPLETED')).toHaveLength(1)
  expectOneTale(stage)
  expectNothingRunning(stage)
  expectNothingLost(stage)
  expectNothingLeft(stage)
})

test.each(['done:claim', 'decided:agent'])(
  'who takes over and is killed at %s goes on with it, and the first one’s agent is not beside its own',
  async point => {
    const { stage, agent, shown, other } = await leftAlone()
    expect((await other(point).exit).signal).toBe('SIGKILL')
    const again = other()
    await waitFor('its own agent', () => stage.agent.starts().length === 2)
    expect(isAlive(agent)).toBe(false)
    stage.agent.letGo()
    expect(await again.exit, again.output()).toEqual({ code: 0, signal: null })
    expect(stage.agent.overlaps()).toEqual([])
    expect(stage.agent.starts()[1]).toMatchObject({ mode: 'resume', sessionId: stage.agent.starts()[0]!.sessionId })
    expect(await shown()).toMatchObject({ status: 'COMPLETED', agent_id: 'dev_002' })
    expectNothingRunning(stage)
    expectNothingLost(stage)
  },
)

test('who takes over a run whose session has no transcript any more begins a new one with the whole task', async () => {
  const { stage, other } = await leftAlone()
  stage.agent.forget(stage.agent.starts()[0]!.sessionId)
  const second = other()
  await waitFor('its own agent', () => stage.agent.starts().length === 2)
  stage.agent.letGo()
  expect(await second.exit, second.output()).toEqual({ code: 0, signal: null })
  const [before, after] = stage.agent.starts()
  expect(after).toMatchObject({ mode: 'fresh' })
  expect(after!.sessionId).not.toBe(before!.sessionId)
  expect(after!.prompt).toContain('Make it so')
  expectNothingLost(stage)
})

test('what a run did in place before it was taken over is not mixed into the work of its successor, is listed, and is kept', async () => {
  const { stage, other } = await leftAlone('SIGKILL', 'minor')
  const [before] = stage.agent.starts()
  const second = other()
  await waitFor('its own agent', () => stage.agent.starts().length === 2)
  stage.agent.letGo()
  expect(await second.exit, second.output()).toEqual({ code: 0, signal: null })
  const after = stage.agent.starts()[1]!
  expect(after).toMatchObject({ mode: 'fresh' })
  const branch = stage.git('for-each-ref', '--format=%(refname)', 'refs/heads/feature')
  expect(stage.git('show', `${branch}:piece-2`)).toBe(`piece 2 by ${after.pid}`)
  // What the first one left stands where it was, and its agent id is told to have it.
  expect(readFileSync(join(stage.repo, 'piece-2'), 'utf8')).toBe(`piece 2 by ${before!.pid}\n`)
  const { agents } = machineStatus(stage.home, null)
  expect(agents).toMatchObject([{ agent_id: 'dev_001', state: 'interrupted', workspace: stage.repo }])
  const late = stage.start({ role: 'fullstack_dev' })
  expect((await late.exit).code, late.output()).toBe(12)
  const kept = stage.git('for-each-ref', '--format=%(refname)', 'refs/agent-runner/').split('\n')
  expect(kept.map(ref => stage.git('show', `${ref}:piece-2`))).toContain(`piece 2 by ${before!.pid}`)
  expect(stage.git('status', '--porcelain')).toBe('')
  expect(machineStatus(stage.home, null).agents).toEqual([])
  expectNothingLost(stage)
  expectNothingRunning(stage)
})

test('a runner that only stood still while another agent of the machine took its run over ends with 12, and its successor is not touched', async () => {
  const { stage, first, agent, shown, other } = await leftAlone('SIGSTOP')
  const second = other()
  await waitFor('its own agent', () => stage.attempt(2)?.agent && stage.agent.starts().length === 2)
  const own = stage.attempt(2)!.agent!
  expect(isAlive(agent)).toBe(false)
  first.signal('SIGCONT')
  expect((await first.exit).code, first.output()).toBe(12)
  expect(isAlive(own)).toBe(true)
  stage.agent.letGo()
  expect(await second.exit, second.output()).toEqual({ code: 0, signal: null })
  expect(stage.agent.overlaps()).toEqual([])
  expect(stage.agent.starts()).toHaveLength(2)
  expect(await shown()).toMatchObject({ status: 'COMPLETED', agent_id: 'dev_002' })
  expect(stage.events().filter(event => event.type === 'run_finished')).toMatchObject([{ agentId: 'dev_002', reason: 'completed' }])
  expectNothingRunning(stage)
  expectNothingLost(stage)
})
