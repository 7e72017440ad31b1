import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { embeddedStage } from '../support/crash-stage.ts'
import { deadlyGit } from '../support/deadly-git.ts'
import { expectDoneOnce, expectNothingLeft, expectNothingLost, expectNothingRunning, expectToldOnce } from '../support/invariants.ts'

const successes = [
  { words: 'worktree add', complexity: 'major', whens: ['before', 'during', 'after'] },
  { words: 'commit --quiet', complexity: 'major', whens: ['after'] },
  { words: 'worktree remove', complexity: 'major', whens: ['during', 'after'] },
  { words: 'commit --quiet', complexity: 'minor', whens: ['during', 'after'] },
] as const

test.for(successes.flatMap(one => one.whens.map(when => ({ ...one, when }))))(
  'a runner killed $when its `git $words` (a $complexity task)',
  async ({ words, complexity, when }) => {
    const stage = await embeddedStage()
    const hasKilled = deadlyGit(stage, words, when)
    const id = await stage.board.add('Make it so', complexity)
    const first = stage.start()
    expect(await first.exit, first.output()).toMatchObject({ signal: 'SIGKILL' })
    expect(hasKilled()).toBe(true)
    await stage.finish()
    expect(stage.agent.starts()).toHaveLength(1)
    await expectDoneOnce(stage, id)
  },
)

const failures = [
  { words: 'commit-tree', when: 'after' },
  { words: 'update-ref -m', when: 'after' },
  { words: 'update-index -z', when: 'after' },
  { words: 'checkout-index -u', when: 'after' },
] as const

test.for(failures)(
  'a runner killed $when its `git $words`, while it moves the work of a failed task out of the way',
  async ({ words, when }) => {
    const stage = await embeddedStage({ env: { HEADLESS_PM_CLAUDE_TIMEOUT: '1.5' } })
    const hasKilled = deadlyGit(stage, words, when)
    const id = await stage.board.add('Make it so', 'minor')
    stage.agent.hold(3)
    // One file that is tracked is changed too, so that something has to be set back.
    stage.git('commit', '--quiet', '--allow-empty', '-m', 'more')
    const first = stage.start()
    const exit = await first.exit
    expect(exit, first.output()).toMatchObject({ signal: 'SIGKILL' })
    expect(hasKilled()).toBe(true)
    await stage.finish(11)
    await expectToldOnce(stage, id, 'pending')
    expectNothingLost(stage)
    expectNothingRunning(stage)
    expectNothingLeft(stage)
    expect(stage.git('for-each-ref', '--format=%(refname)', 'refs/agent-runner/').split('\n')).toHaveLength(1)
    expect(readFileSync(join(stage.repo, 'README.md'), 'utf8')).toBe('# demo\n')
    expect(readdirSync(stage.repo).filter(name => name.startsWith('piece'))).toEqual(['piece-1'])
  },
)
