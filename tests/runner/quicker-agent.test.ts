import { spawn } from 'node:child_process'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openRunFiles } from '../../src/machine/journal/run-files.ts'
import { runnerStage } from '../support/runner-stage.ts'

test('who loses a claim to a quicker agent of this machine ends, removes and tells nothing of the run, which bears the same id', async () => {
  const stage = await runnerStage('exit 1')
  const { id } = await stage.board.addTask({ title: 'Make it so', role: 'backend_dev' })
  const quicker = { id: 'dev_002', role: 'backend_dev', level: 'senior' } as const
  let theirs: { agent: ReturnType<typeof spawn>; half: string; runId: string } | null = null
  const { exitCode, events } = await stage.run({
    change: context => {
      const { look } = context.tracker
      context.tracker.look = async (...args) => {
        const task = await look(...args)
        if (!task) return null
        const runId = task.runId!
        expect(await stage.board.claim(quicker, id, runId)).toBe('ours')
        const agent = spawn('sleep', ['60'], { stdio: 'ignore', env: { ...process.env, AGENT_RUNNER_RUN_ID: runId } })
        theirs = { agent, half: join(openRunFiles(stage.home).folder(runId), `.prompt.md.${process.pid}.0a1b2c3d.tmp`), runId }
        writeFileSync(theirs.half, '')
        return task
      }
    },
  })
  expect(exitCode).toBe(14)
  expect(theirs!.agent.exitCode ?? theirs!.agent.signalCode).toBeNull()
  expect(existsSync(theirs!.half)).toBe(true)
  expect(openRunFiles(stage.home).events(theirs!.runId)).toEqual([])
  // It is said all the same.
  expect(events).toContainEqual(expect.objectContaining({ type: 'step_finished', step: 'claim', result: 'taken', runId: null }))
  expect(await stage.board.showTask(id)).toMatchObject({ status: 'under_work', lockedBy: 'dev_002' })
})

test('a runner that was killed while it claimed, and then loses the claim, tells nothing in the timeline of the one who has the run', async () => {
  const stage = await runnerStage('exit 1')
  const { id } = await stage.board.addTask({ title: 'Make it so', role: 'backend_dev' })
  const killed = new Error('killed')
  let runId = ''
  await stage
    .run({
      change: context => {
        context.tracker.claim = async (_agent, _task, claimed) => {
          runId = claimed
          throw killed
        }
      },
    })
    .catch(error => expect(error.cause).toBe(killed))
  expect(await stage.board.claim({ id: 'dev_002', role: 'backend_dev', level: 'senior' }, id, runId)).toBe('ours')
  const { exitCode, events } = await stage.run()
  expect(exitCode).toBe(14)
  expect(openRunFiles(stage.home).events(runId)).toEqual([])
  // It is said all the same.
  expect(events).toContainEqual(expect.objectContaining({ type: 'recovered', decision: 'continued', runId: null }))
})

test('who loses a claim under a run id of its own leaves no half-written file of it', async () => {
  const stage = await runnerStage('exit 1')
  await stage.board.addTask({ title: 'Make it so', role: 'backend_dev' })
  let half = ''
  const { exitCode } = await stage.run({
    change: context => {
      const { look } = context.tracker
      context.tracker.look = async (...args) => {
        const task = half === '' ? await look(...args) : null
        return task && { ...task, runId: null }
      }
      context.tracker.claim = async (_agent, _task, runId) => {
        half = join(openRunFiles(stage.home).folder(runId), `.supervisor.log.${process.pid}.0a1b2c3d.tmp`)
        writeFileSync(half, '')
        return 'taken'
      }
    },
  })
  expect(exitCode).toBe(14)
  expect(half).not.toBe('')
  expect(existsSync(half)).toBe(false)
})
