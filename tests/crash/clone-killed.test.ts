import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { FAULT_POINTS } from '../../src/cli/compose/fault.ts'
import { type CrashStage, embeddedStage } from '../support/crash-stage.ts'
import { deadlyGit } from '../support/deadly-git.ts'
import { expectDoneOnce, expectNothingLost, expectNothingRunning, expectToldOnce } from '../support/invariants.ts'
import { waitFor } from '../support/wait-for.ts'
import { expectSurvived } from './every-step.ts'

/** A stage whose git can make no worktree, so that a major task works in a clone. */
async function cloneStage(env: Record<string, string> = {}): Promise<CrashStage> {
  const stage = await embeddedStage({ env })
  writeFileSync(join(stage.repo, '.git', 'worktrees'), '')
  return stage
}

const clones = ({ home }: CrashStage) => {
  const folder = join(home, 'clones')
  return existsSync(folder) ? readdirSync(folder).flatMap(name => readdirSync(join(folder, name))) : []
}

test.for(FAULT_POINTS)('a runner whose task works in a clone, killed %s, finishes it at the next start', async point => {
  const stage = await cloneStage()
  await expectSurvived(stage, 'major', point)
  const ready = stage.events().filter(event => event.type === 'workspace_ready')
  expect(new Set(ready.map(({ workspace }) => workspace.kind))).toEqual(new Set(['clone']))
})

const gits = [
  // Making it.
  { words: 'clone --quiet', whens: ['before', 'during', 'after'] },
  { words: 'config --file', whens: ['after'] },
  { words: 'symbolic-ref HEAD', whens: ['before', 'after'] },
  { words: 'reset --hard', whens: ['during', 'after'] },
  // Bringing its work back.
  { words: 'commit --quiet', whens: ['during', 'after'] },
  { words: 'fetch-pack --quiet', whens: ['before', 'during', 'after'] },
  { words: 'rev-list --objects', whens: ['after'] },
  { words: 'update-ref -m', whens: ['before', 'after'] },
] as const

test.for(gits.flatMap(one => one.whens.map(when => ({ ...one, when }))))(
  'a runner whose task works in a clone, killed $when its `git $words`',
  async ({ words, when }) => {
    const stage = await cloneStage()
    const hasKilled = deadlyGit(stage, words, when)
    const id = await stage.board.add('Make it so', 'major')
    const first = stage.start()
    expect(await first.exit, first.output()).toMatchObject({ signal: 'SIGKILL' })
    expect(hasKilled()).toBe(true)
    await stage.finish()
    expect(stage.agent.starts()).toHaveLength(1)
    await expectDoneOnce(stage, id)
  },
)

test('the clone of a task that is not over is there after a kill in the middle of the agent, and its agent works on', async () => {
  const stage = await cloneStage()
  const id = await stage.board.add('Make it so', 'major')
  const first = stage.start()
  await waitFor('an agent at work', () => stage.agent.written().length > 0)
  first.signal('SIGKILL')
  await first.exit
  expect(clones(stage)).toHaveLength(1)
  await stage.finish()
  expect(stage.agent.starts()).toHaveLength(1)
  await expectDoneOnce(stage, id)
})

test('the clone of a failed task stays with its work, which is in the repository too', async () => {
  const stage = await cloneStage({ HEADLESS_PM_CLAUDE_TIMEOUT: '1.5' })
  const id = await stage.board.add('Make it so', 'major')
  stage.agent.hold(3)
  const first = stage.start()
  expect((await first.exit).code, first.output()).toBe(11)
  await expectToldOnce(stage, id, 'pending')
  expectNothingLost(stage)
  expectNothingRunning(stage)
  expect(clones(stage)).toHaveLength(1)
  expect(stage.git('for-each-ref', 'refs/agent-runner/')).not.toBe('')
})
