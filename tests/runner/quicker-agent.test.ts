import { spawn } from 'node:child_process'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openRunFiles } from '../../src/system/run-files.ts'
import { runnerStage } from '../support/runner-stage.ts'

test('who loses a claim to a quicker agent of this machine ends nothing and removes nothing of the run, which bears the same id', async () => {
  const stage = await runnerStage('exit 1')
  const { id } = await stage.board.addTask({ title: 'Make it so', role: 'backend_dev' })
  const quicker = { id: 'dev_002', role: 'backend_dev', level: 'senior' } as const
  let theirs: { agent: ReturnType<typeof spawn>; half: string } | null = null
  const { exitCode } = await stage.run({
    change: context => {
      const { look } = context.tracker
      context.tracker.look = async (...args) => {
        const task = await look(...args)
        if (!task) return null
        const runId = task.runId!
        expect(await stage.board.claim(quicker, id, runId)).toBe('ours')
        const agent = spawn('sleep', ['60'], { stdio: 'ignore', env: { ...process.env, AGENT_RUNNER_RUN_ID: runId } })
        theirs = { agent, half: join(openRunFiles(stage.home).folder(runId), `.prompt.md.${process.pid}.0a1b2c3d.tmp`) }
        writeFileSync(theirs.half, '')
        return task
      }
    },
  })
  expect(exitCode).toBe(14)
  expect(theirs!.agent.exitCode ?? theirs!.agent.signalCode).toBeNull()
  expect(existsSync(theirs!.half)).toBe(true)
  expect(await stage.board.showTask(id)).toMatchObject({ status: 'under_work', lockedBy: 'dev_002' })
})
