import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { PmBoard } from '../support/crash-board.ts'
import { type CrashStage, headlessPmStage } from '../support/crash-stage.ts'
import { expectDoneOnce, expectNothingLost, expectNothingRunning } from '../support/invariants.ts'
import { MAIN } from '../support/program.ts'
import { waitFor } from '../support/wait-for.ts'

/** What somebody else does with the task while we work on it. */
const HAPPENINGS: Record<string, (stage: CrashStage<PmBoard>, id: string) => Promise<void> | void> = {
  're-assigned': ({ board }, id) => board.takeAway(id),
  'finished by a person': ({ board }, id) => {
    Object.assign(board.server.board.task(Number(id)), { status: 'dev_done', locked_by: null, locked_at: null })
  },
  parked: ({ board }, id) => {
    Object.assign(board.server.board.task(Number(id)), { status: 'pending', locked_by: null, locked_at: null })
  },
  deleted: ({ board }, id) => {
    board.server.board.tasks = board.server.board.tasks.filter(task => task.id !== Number(id))
  },
}

async function atWork(env: Record<string, string>) {
  const stage = await headlessPmStage({ env })
  const id = await stage.board.add('Make it so', 'major')
  stage.agent.hold(2)
  const runner = stage.start()
  await waitFor('an agent at work', () => stage.attempt()?.agent && stage.agent.written().length === 2)
  return { stage, id, runner }
}

const pictureOf = (stage: CrashStage<PmBoard>) => JSON.stringify([stage.board.server.board.tasks, stage.board.server.board.changelog])

/** The status page, as its JSON. */
function statusOf({ home, repo }: CrashStage): { kept: { kept: string; task: { id: string } }[] } {
  const env = { PATH: process.env.PATH, HOME: home, HEADLESS_PM_HOME: home }
  const { stdout, stderr } = spawnSync(process.execPath, [MAIN, 'status', '--json'], { cwd: repo, env, encoding: 'utf8' })
  expect(stderr).toBe('')
  return JSON.parse(stdout)
}

/** The task is left as it is found there, nothing runs, and what the agent wrote is kept where `status` says. */
function expectLeftAlone(stage: CrashStage<PmBoard>, id: string, before: string) {
  expect(pictureOf(stage)).toBe(before)
  expectNothingRunning(stage)
  expectNothingLost(stage)
  expect(stage.lock()).toBeNull()
  const place = join(stage.repo, '.worktrees', `task-${id}`)
  expect(statusOf(stage).kept.map(({ kept }) => kept)).toEqual([place])
  expect(readFileSync(join(place, 'piece-2'), 'utf8')).toContain('piece 2')
}

for (const [name, happen] of Object.entries(HAPPENINGS)) {
  test(`a task that is ${name} while the agent works: the agent is stopped, the task left alone, the work kept and shown`, async () => {
    const { stage, id, runner } = await atWork({ HEADLESS_PM_HEARTBEAT_INTERVAL: '0.2' })
    await happen(stage, id)
    const before = pictureOf(stage)
    expect((await runner.exit).code, runner.output()).toBe(12)
    expect(stage.agent.starts().map(({ ended }) => ended)).toEqual([false])
    expectLeftAlone(stage, id, before)
  })

  test(`a task that is ${name} while the PM is away: the finished work is not forced on it, but kept and shown`, async () => {
    const { stage, id, runner } = await atWork({ HEADLESS_PM_HEARTBEAT_INTERVAL: '300' })
    await stage.board.goAway()
    stage.agent.letGo()
    await waitFor('a try to report', () => /reporting: .*trying again/.test(runner.output()))
    await happen(stage, id)
    const before = pictureOf(stage)
    await stage.board.comeBack()
    expect((await runner.exit).code, runner.output()).toBe(12)
    expectLeftAlone(stage, id, before)
  })
}

test('a key that the PM refuses in the middle ends the runner with 77; with the right key the next start delivers the result', async () => {
  const { stage, id, runner } = await atWork({ HEADLESS_PM_HEARTBEAT_INTERVAL: '300' })
  stage.board.server.onRequest = () => ({ status: 401, body: '{"detail":"Invalid API key"}' })
  stage.agent.letGo()
  expect((await runner.exit).code, runner.output()).toBe(77)
  expect(runner.output()).toContain('HEADLESS_PM_API_KEY')
  expect(stage.lock()!.steps.at(-1)).toMatchObject({ name: 'report', finishedAt: null })
  stage.board.server.onRequest = () => 'pass'
  await stage.finish()
  expect(stage.agent.starts()).toHaveLength(1)
  await expectDoneOnce(stage, id)
})

test('a PM that is gone for long in the middle of a task holds nobody up: the agent finishes, and the result is delivered once', async () => {
  const { stage, id, runner } = await atWork({ HEADLESS_PM_HEARTBEAT_INTERVAL: '0.1' })
  await stage.board.goAway()
  // Many heartbeats fail before the agent is done.
  const failed = () => stage.events().filter(event => event.type === 'warning').length
  await waitFor('told that the PM is away', () => failed() > 0)
  stage.agent.letGo()
  await waitFor('the agent has ended by itself', () => stage.agent.starts()[0]!.ended)
  await waitFor('a try to report', () => /reporting: .*trying again/.test(runner.output()))
  // Its locks have expired meanwhile: half an hour is over at the server.
  stage.board.server.board.agent('dev_001').last_seen -= 45 * 60_000
  stage.board.server.board.freeStaleLocks()
  expect((await stage.board.task(id)).holder).toBeNull()
  await stage.board.comeBack()
  expect(await runner.exit, runner.output()).toEqual({ code: 0, signal: null })
  expect(stage.agent.starts()).toHaveLength(1)
  expect(existsSync(join(stage.repo, '.worktrees', `task-${id}`))).toBe(false)
  await expectDoneOnce(stage, id)
})
