import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { RunnerContext } from '../../src/runner/context.ts'
import { RESULT_LINE } from '../support/agent-program.ts'
import { runnerStage } from '../support/runner-stage.ts'
import { tempFolder } from '../support/temp.ts'
import { waitFor } from '../support/wait-for.ts'

const draft = { title: 'Make it so', role: 'backend_dev', seniority: 'senior', complexity: 'major', description: '' } as const

test('the tracker hears of the runner from the claim to the report, however slow the hooks and the git of the repository are', async () => {
  const marks = tempFolder()
  const hook = `touch "${marks}/hook"; while [ ! -e "${marks}/go" ]; do sleep 0.02; done\n`
  const stage = await runnerStage(`echo '${RESULT_LINE}'`, { files: { 'README.md': '', 'hooks/pre_task.sh': hook } })
  await stage.board.addTask(draft)
  let beats = 0
  const calls: string[] = []
  const running = stage.run({
    change: (context: RunnerContext) => {
      const { tracker, workspaces } = context
      context.tracker = {
        ...tracker,
        heartbeatMs: 20,
        async heartbeat(...asked) {
          beats++
          calls.push('heartbeat')
          return tracker.heartbeat(...asked)
        },
        async report(...told) {
          calls.push('report')
          return tracker.report(...told)
        },
      }
      context.workspaces = {
        ...workspaces,
        async collect(...what) {
          const before = beats
          await waitFor('two beats while it collects', () => beats >= before + 2)
          return workspaces.collect(...what)
        },
      }
    },
  })
  await waitFor('the hook at work', () => existsSync(join(marks, 'hook')))
  const before = beats
  await waitFor('two beats in the hook', () => beats >= before + 2)
  writeFileSync(join(marks, 'go'), '')
  expect((await running).exitCode).toBe(0)
  // A beat after it could take the task again that was just let go of.
  expect(calls.at(-1)).toBe('report')
})
