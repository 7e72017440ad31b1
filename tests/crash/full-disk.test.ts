import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { FAULT_POINTS } from '../../src/cli/compose/fault.ts'
import { attemptFolder, readAttemptFile } from '../../src/machine/attempts/attempt-files.ts'
import { isAlive } from '../../src/machine/process/processes.ts'
import { headlessPmStage, type RunnerProcess } from '../support/crash-stage.ts'
import { expectDoneOnce } from '../support/invariants.ts'
import { canMount, fill, mountTmpfs } from '../support/mounted.ts'
import { waitFor } from '../support/wait-for.ts'

/** A disk of its own, full soon. */
const smallDisk = (folder: string) => mountTmpfs(folder, 'size=256k')

/** The same for a repository with its worktrees. */
const smallRepository = (folder: string) => mountTmpfs(folder, 'size=4m')

/** A repository with room, whose worktrees are on a disk of their own. */
function smallWorktrees(folder: string): void {
  mkdirSync(folder)
  mountTmpfs(join(folder, '.worktrees'), 'size=256k')
}

/** How often the runner has said that it cannot go on for want of room. What it cannot put into the timeline is another matter. */
const complaints = (runner: RunnerProcess) => runner.output().match(/cannot write: ENOSPC|the disk of the repository is full/g)?.length ?? 0

test.skipIf(!canMount())('a disk that is full when the agent ends: all goes on by itself once there is room', async () => {
  const stage = await headlessPmStage({ makeHome: smallDisk })
  const id = await stage.board.add('Make it so', 'major')
  stage.agent.hold(2)
  const runner = stage.start({ continuous: true })
  await waitFor('an agent at work', () => stage.attempt()?.agent && stage.agent.written().length === 2)
  const free = fill(stage.home)
  stage.agent.letGo()
  await waitFor('the agent has ended', () => !isAlive(stage.attempt()!.agent!))
  free()
  await waitFor('done', async () => (await stage.board.task(id)).status === 'dev_done')
  await waitFor('released', () => stage.lock() === null)
  runner.signal('SIGTERM')
  expect(await runner.exit, runner.output()).toEqual({ code: 0, signal: null })
  // How it ended could not be written down at first, and was not forgotten.
  const exit = readAttemptFile(attemptFolder(stage.home, stage.runs()[0]!, 1), 'exit')
  expect(exit).toMatchObject({ code: 0, cause: null })
  expect(stage.agent.starts()).toHaveLength(1)
  await expectDoneOnce(stage, id)
})

test.skipIf(!canMount())('a disk that is full when the report is made: it is on the task once, and the next start goes on', async () => {
  const stage = await headlessPmStage({ makeHome: smallDisk })
  const id = await stage.board.add('Make it so', 'major')
  stage.agent.hold(3)
  const runner = stage.start()
  await waitFor('an agent at work', () => stage.attempt()?.agent && stage.agent.written().length === 3)
  await stage.board.goAway()
  stage.agent.letGo()
  await waitFor('a try to report', () => stage.lock()?.steps.at(-1)?.name === 'report')
  const free = fill(stage.home)
  await stage.board.comeBack()
  expect((await runner.exit).code, runner.output()).toBe(73)
  expect((await stage.board.task(id)).status).toBe('dev_done')
  expect(stage.lock()!.steps.at(-1)).toMatchObject({ name: 'report', finishedAt: null })
  free()
  await stage.finish()
  expect(stage.agent.starts()).toHaveLength(1)
  await expectDoneOnce(stage, id)
})

test.skipIf(!canMount())('a disk of the repository that is full while the agent works: its next attempt ends what was begun', async () => {
  const stage = await headlessPmStage({ makeRepo: smallRepository })
  const id = await stage.board.add('Make it so', 'major')
  stage.agent.hold(2)
  const runner = stage.start({ continuous: true })
  await waitFor('an agent at work', () => stage.attempt()?.agent && stage.agent.written().length === 2)
  const free = fill(stage.repo)
  stage.agent.letGo()
  await waitFor('the agent has ended', () => stage.lock()?.attempts[0]?.ended)
  free()
  await waitFor('done', async () => (await stage.board.task(id)).status === 'dev_done')
  await waitFor('released', () => stage.lock() === null)
  runner.signal('SIGTERM')
  expect(await runner.exit, runner.output()).toEqual({ code: 0, signal: null })
  expect(stage.agent.written()).toHaveLength(3)
  await expectDoneOnce(stage, id)
})

test.skipIf(!canMount()).for(['major', 'minor'] as const)(
  'a disk of the repository that is full when %s work is committed: the runner says so, waits and goes on',
  async complexity => {
    const stage = await headlessPmStage({ makeRepo: smallRepository })
    const id = await stage.board.add('Make it so', complexity)
    const next = await stage.board.add('And this', complexity)
    stage.agent.hold(3)
    const runner = stage.start({ continuous: true })
    await waitFor('an agent at work', () => stage.attempt()?.agent && stage.agent.written().length === 3)
    const free = fill(stage.repo)
    stage.agent.letGo()
    await waitFor('two tries to commit', () => complaints(runner) >= 2)
    expect(stage.lock()!.steps.at(-1)).toMatchObject({ name: 'collect', finishedAt: null })
    expect(runner.output()).toContain('the disk of the repository is full')
    expect((await stage.board.task(next)).status).toBe('created')
    free()
    for (const task of [id, next]) await waitFor('done', async () => (await stage.board.task(task)).status === 'dev_done')
    await waitFor('released', () => stage.lock() === null)
    runner.signal('SIGTERM')
    expect(await runner.exit, runner.output()).toEqual({ code: 0, signal: null })
    expect(complaints(runner), runner.output()).toBeLessThan(20)
    expect(stage.agent.starts()).toHaveLength(2)
    for (const task of [id, next]) await expectDoneOnce(stage, task)
  },
)

test.skipIf(!canMount())('a disk of the repository that is full before the worktree is made: no task is parked for it', async () => {
  const stage = await headlessPmStage({ makeRepo: smallRepository })
  const free = fill(stage.repo)
  const id = await stage.board.add('Make it so', 'major')
  const next = await stage.board.add('And this', 'major')
  const runner = stage.start({ continuous: true })
  await waitFor('two tries', () => complaints(runner) >= 2)
  expect((await stage.board.task(id)).status).toBe('under_work')
  expect((await stage.board.task(next)).status).toBe('created')
  free()
  for (const task of [id, next]) await waitFor('done', async () => (await stage.board.task(task)).status === 'dev_done')
  await waitFor('released', () => stage.lock() === null)
  runner.signal('SIGTERM')
  expect(await runner.exit, runner.output()).toEqual({ code: 0, signal: null })
  for (const task of [id, next]) await expectDoneOnce(stage, task)
})

test.skipIf(!canMount())('a disk of the worktrees that is full: the tasks are done apart all the same', async () => {
  const stage = await headlessPmStage({ makeRepo: smallWorktrees })
  const free = fill(join(stage.repo, '.worktrees'))
  const tasks = [await stage.board.add('Make it so', 'major'), await stage.board.add('And this', 'major')]
  const runner = stage.start({ continuous: true })
  for (const task of tasks) await waitFor('done', async () => (await stage.board.task(task)).status === 'dev_done')
  await waitFor('released', () => stage.lock() === null)
  runner.signal('SIGTERM')
  expect(await runner.exit, runner.output()).toEqual({ code: 0, signal: null })
  free()
  for (const task of tasks) await expectDoneOnce(stage, task)
})

/**
 * Fills the state folder's disk while the runner stands at the point, and frees it when the runner cannot go on, or has come to the task's
 * end. Answers whether it said that it cannot.
 */
async function fullAt(point: string): Promise<boolean> {
  const stage = await headlessPmStage({ makeHome: smallDisk })
  const id = await stage.board.add('Make it so', 'major')
  // Else it might end, and that be written down, before the disk is full.
  const held = point === 'started:agent'
  if (held) stage.agent.hold(2)
  const runner = stage.start({ continuous: true, fault: `stop@${point}` })
  await waitFor(`stopped at ${point}`, () => /^State:\s+T/m.test(readFileSync(`/proc/${runner.pid}/status`, 'utf8')))
  const before = stage.lock()
  const free = fill(stage.home)
  if (held) stage.agent.letGo()
  runner.signal('SIGCONT')
  const over = async () => (await stage.board.task(id)).status === 'dev_done' && stage.lock() === null
  // Its supervisor waits with how the agent ended, and the runner for that. Once it is written the runner goes on, and has to complain.
  const unwritten = () => {
    const [run] = stage.runs()
    return (
      run !== undefined && stage.agent.starts().some(start => start.ended) && !readAttemptFile(attemptFolder(stage.home, run, 1), 'exit')
    )
  }
  await waitFor(`no way on at ${point}`, async () => complaints(runner) > 0 || unwritten() || (await over()))
  const said = complaints(runner) > 0
  // What was on record is whole and is still there. A file that went meanwhile may have made room for more.
  if (said && before) expect(stage.lock(), point).toMatchObject({ runId: before.runId, task: before.task, lockedAt: before.lockedAt })
  expect(runner.running(), runner.output()).toBe(true)
  free()
  await waitFor(`over at ${point}`, over)
  runner.signal('SIGTERM')
  expect(await runner.exit, runner.output()).toEqual({ code: 0, signal: null })
  await expectDoneOnce(stage, id)
  return said
}

test.skipIf(!canMount())('a disk of the state folder that is full at any step: the runner says so and goes on by itself', async () => {
  const points = [...FAULT_POINTS]
  const silent: string[] = []
  const lane = async () => {
    for (let point = points.shift(); point; point = points.shift()) if (!(await fullAt(point))) silent.push(point)
  }
  await Promise.all([lane(), lane(), lane()])
  // Deleting the lock file takes no room; and how an agent ended is for its supervisor to write down.
  expect(silent.toSorted()).toEqual(['after:release', 'done:release', 'started:agent'])
})
