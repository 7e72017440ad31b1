import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { RESULT_LINE } from '../support/agent-program.ts'
import { processesOf, runnerStage } from '../support/runner-stage.ts'

/** An agent that commits, begins a merge that conflicts, writes one more file, and ends so. */
const merges = (last: string) => `cat > /dev/null
own=$(git symbolic-ref --short HEAD)
git checkout -q -b "side-$$" && echo side > file.txt && git commit -qam side && git checkout -q "$own" || exit 9
echo own > file.txt && git commit -qam own || exit 9
git merge "side-$$" > /dev/null && exit 9
echo more > more.txt
${last}`

const ENDS = {
  success: { last: `echo '${RESULT_LINE}'`, status: 'dev_done', exitCode: 0 },
  failure: { last: 'exit 3', status: 'pending', exitCode: 10 },
} as const

const cases = (['major', 'minor'] as const).flatMap(complexity =>
  (['success', 'failure'] as const).map(end => ({ complexity, end, ...ENDS[end] })),
)

test.for(cases)(
  'a merge conflict that the agent leaves in a $complexity task, in $end: all is kept, and the note says so',
  async planned => {
    const { complexity, end, last, status, exitCode } = planned
    const stage = await runnerStage(merges(last), { files: { 'file.txt': 'start\n' }, env: { HEADLESS_PM_MAX_ATTEMPTS: '1' } })
    const draft = { title: 'Make it so', role: 'backend_dev', complexity } as const
    const { id } = await stage.board.addTask(draft)
    const ran = await stage.run()
    expect(ran.exitCode).toBe(exitCode)
    expect(processesOf(ran.events)).toBe(0)
    const task = await stage.board.showTask(id)
    expect(task).toMatchObject({ status, lockedBy: null })
    expect(task.notes).toMatch(/conflicts in file\.txt/)

    const isConflict = (text: string) => text.includes('<<<<<<<')
    const worktree = join(stage.repo, `.worktrees/task-${id}`)
    expect(existsSync(worktree)).toBe(complexity === 'major')
    if (complexity === 'major') expect(isConflict(readFileSync(join(worktree, 'file.txt'), 'utf8'))).toBe(true)
    const refs = stage.git('for-each-ref', '--format=%(refname)', 'refs/agent-runner/').split('\n').filter(Boolean)
    const kept = refs.filter(ref => isConflict(stage.git('show', `${ref}:file.txt`)) && stage.git('show', `${ref}:more.txt`) === 'more')
    // A worktree that stays after a failure keeps it itself.
    if (complexity === 'minor' || end === 'success') expect(kept).not.toEqual([])
    if (end === 'success') expect(task.notes).toContain(kept[0])
    expect(stage.git('log', '--all', '--format=%s')).toContain('own')
    expect(stage.git('status', '--porcelain')).toBe('')
    expect(existsSync(join(stage.repo, '.git/MERGE_HEAD'))).toBe(false)

    // The next task is not held up by it.
    stage.agentDoes(`cat > /dev/null; echo next > next.txt; echo '${RESULT_LINE}'`)
    const next = await stage.board.addTask(draft)
    expect((await stage.run()).exitCode, end).toBe(0)
    expect(await stage.board.showTask(next.id)).toMatchObject({ status: 'dev_done' })
  },
)
