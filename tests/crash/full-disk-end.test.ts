import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { headlessPmStage } from '../support/crash-stage.ts'
import { expectDoneOnce, expectNothingLost, expectNothingRunning, expectToldOnce } from '../support/invariants.ts'
import { canMount, fill, mountTmpfs } from '../support/mounted.ts'
import { waitFor } from '../support/wait-for.ts'

/** A repository with its worktrees on a disk of their own, full soon. */
const smallRepository = (folder: string) => mountTmpfs(folder, 'size=4m')

/** Stands at the point with the work done, finds the disk of the repository full, and has room again after a while. */
async function fullAt(point: string, complexity: 'major' | 'minor', success: boolean) {
  const stage = await headlessPmStage({ makeRepo: smallRepository, env: { HEADLESS_PM_CLAUDE_TIMEOUT: success ? '600' : '2' } })
  const id = await stage.board.add('Make it so', complexity)
  // What does not come to its end within the deadline has failed, with work that is uncommitted.
  if (!success) stage.agent.hold(2)
  const runner = stage.start({ continuous: true, fault: `stop@${point}` })
  await waitFor(`stopped at ${point}`, () => /^State:\s+T/m.test(readFileSync(`/proc/${runner.pid}/status`, 'utf8')))
  const free = fill(join(stage.repo, '.git'))
  runner.signal('SIGCONT')
  // It says that it cannot go on, or has no need of room.
  const said = () => (runner.output().match(/the disk of the repository is full|cannot write: ENOSPC/g)?.length ?? 0) >= 2
  await waitFor('told, or over', () => said() || stage.lock() === null)
  const hadToWait = said()
  expectNothingLost(stage)
  free()
  await waitFor('over', () => stage.lock() === null)
  runner.signal('SIGTERM')
  expect(await runner.exit, runner.output()).toEqual({ code: 0, signal: null })
  expect(stage.agent.starts()).toHaveLength(1)
  expect(runner.output()).not.toMatch(/^ +at .+:\d+/m)
  return { stage, id, hadToWait }
}

test.skipIf(!canMount()).for([
  { point: 'before:collect', complexity: 'major' },
  { point: 'before:collect', complexity: 'minor' },
  { point: 'before:cleanup', complexity: 'major' },
  { point: 'before:cleanup', complexity: 'minor' },
] as const)(
  'a disk of the repository that is full $point of done $complexity work: done once, nothing lost',
  async ({ point, complexity }) => {
    const { stage, id, hadToWait } = await fullAt(point, complexity, true)
    expect(hadToWait).toBe(point === 'before:collect')
    await expectDoneOnce(stage, id)
  },
)

test.skipIf(!canMount()).for([
  { point: 'before:collect', complexity: 'major' },
  { point: 'before:collect', complexity: 'minor' },
  { point: 'before:cleanup', complexity: 'major' },
  { point: 'before:cleanup', complexity: 'minor' },
] as const)('a disk of the repository that is full $point of failed $complexity work: told once, nothing lost', async planned => {
  const { stage, id, hadToWait } = await fullAt(planned.point, planned.complexity, false)
  if (planned.point === 'before:cleanup') expect(hadToWait).toBe(planned.complexity === 'minor')
  await expectToldOnce(stage, id, 'pending')
  expectNothingRunning(stage)
  expectNothingLost(stage)
  // What was done in place moved away; a worktree stays for a person.
  expect(stage.git('status', '--porcelain')).toBe('')
  expect(stage.git('worktree', 'list').split('\n')).toHaveLength(planned.complexity === 'major' ? 2 : 1)
})
