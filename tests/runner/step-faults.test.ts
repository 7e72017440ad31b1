import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { machineStatus } from '../../src/cli/status/machine-status.ts'
import { RunnerError } from '../../src/core/errors.ts'
import { readLockFile } from '../../src/machine/journal/lock-file.ts'
import type { RunnerContext } from '../../src/runner/context.ts'
import { Stops } from '../../src/runner/shutdown.ts'
import { RESULT_LINE } from '../support/agent-program.ts'
import { type RunnerStage, runnerStage } from '../support/runner-stage.ts'
import { waitFor } from '../support/wait-for.ts'

const done = `echo '${RESULT_LINE}'`
const draft = { title: 'Make it so', role: 'backend_dev', seniority: 'senior', complexity: 'major', description: 'All of it.' } as const
/** Its agent works well, and then git cannot be used in this repository any more. What it does to the configuration is put back; this is not. */
const BREAKS_GIT = `cat > /dev/null; echo new > file.txt; echo rubbish > "$(git rev-parse --git-common-dir)/packed-refs"; ${done}`

const withoutPauses = (context: RunnerContext) => {
  context.random = () => 0
}

async function untilParked(stage: RunnerStage, id: string) {
  const stops = new Stops()
  const running = stage.run({ single: false, stops, change: withoutPauses })
  await waitFor('let go of', async () => (await stage.board.showTask(id)).status === 'pending' && !existsSync(lockOf(stage)))
  stops.request()
  return await running
}

const lockOf = (stage: RunnerStage) => join(stage.home, 'locks/agent-dev_001.lock')

test('work that can never be collected is kept, and the task is parked with the reason', async () => {
  const stage = await runnerStage(BREAKS_GIT)
  const { id } = await stage.board.addTask(draft)
  const { exitCode, events } = await untilParked(stage, id)
  expect(exitCode).toBe(0)
  const worktree = join(stage.repo, `.worktrees/task-${id}`)
  const { notes } = await stage.board.showTask(id)
  expect(notes).toMatch(/the step collect failed 5 times: .*unexpected line/)
  expect(notes).toContain(`The work is kept in ${worktree}.`)
  expect(readFileSync(join(worktree, 'file.txt'), 'utf8')).toBe('new\n')
  expect(machineStatus(stage.home, null).kept).toMatchObject([{ reason: 'step_failed', kept: worktree, task_id: id }])
  expect(events.filter(event => event.type === 'attempt_started')).toHaveLength(1)
  expect(events.findLast(event => event.type === 'run_finished')).toMatchObject({ reason: 'step_failed', kept: worktree })
})

test('in place, too, it comes to an end, and the file is still there', async () => {
  const stage = await runnerStage(BREAKS_GIT)
  const { id } = await stage.board.addTask({ ...draft, complexity: 'minor' })
  const { events } = await untilParked(stage, id)
  expect(readFileSync(join(stage.repo, 'file.txt'), 'utf8')).toBe('new\n')
  expect(events.findLast(event => event.type === 'run_finished')).toMatchObject({ reason: 'step_failed', kept: stage.repo })
})

test('the tries are counted over restarts, and the agent does not work again', async () => {
  const stage = await runnerStage(`echo start >> "$HOME/starts"; ${BREAKS_GIT}`)
  const { id } = await stage.board.addTask(draft)
  for (let start = 1; start < 5; start++) {
    await expect(stage.run()).rejects.toMatchObject({ code: 'GIT_FAILED' })
    expect(readLockFile(lockOf(stage)).steps.at(-1)).toMatchObject({ name: 'collect', failures: start })
  }
  await stage.run().catch(() => {})
  expect((await stage.board.showTask(id)).status).toBe('pending')
  expect(readFileSync(join(stage.home, 'starts'), 'utf8')).toBe('start\n')
})

test('a fault that passes costs nothing', async () => {
  const stage = await runnerStage(`cat > /dev/null; echo new > file.txt; ${done}`)
  const { id } = await stage.board.addTask(draft)
  const stops = new Stops()
  const running = stage.run({
    single: false,
    stops,
    change: context => {
      withoutPauses(context)
      const { collect } = context.workspaces
      let calls = 0
      context.workspaces.collect = (...args) =>
        ++calls < 5 ? Promise.reject(new RunnerError('GIT_FAILED', 'git is away')) : collect(...args)
    },
  })
  await waitFor('done', async () => (await stage.board.showTask(id)).status === 'dev_done')
  stops.request()
  await running
  expect(stage.git('show', `feature/task-${id}:file.txt`)).toBe('new')
})
