import { appendFileSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { HookDocument } from '../../src/core/ports/hooks.ts'
import { hookDocument } from '../support/hook-document.ts'
import { runShipped } from '../support/shipped-hook.ts'
import { tempFolder } from '../support/temp.ts'

const HOOK = join(import.meta.dirname, '../../hooks/post_task.ts')
const result = {
  success: true,
  reason: 'completed',
  status: 'dev_done',
  duration_ms: 61_000,
  cost_usd: 0.42,
  branch: 'feature/task-7',
  commits: [
    { sha: 'a', subject: 'one' },
    { sha: 'b', subject: 'two' },
  ],
  attempts: 2,
  hooks: [{ hook: 'pre_task', ok: false, duration_ms: 3 }],
  tracker_answers: { requests: 2, failed: 0, mean_ms: 4, most_ms: 5 },
}

const postTask = (state_dir: string, changes: Partial<HookDocument> = {}) =>
  runShipped([HOOK], hookDocument({ event: 'post_task', state_dir, result, ...changes }), tempFolder())

const lines = (folder: string) => readFileSync(join(folder, 'metrics.jsonl'), 'utf8').split('\n').filter(Boolean)

test('a run leaves one line of metrics, for its owner alone, however often the hook is called', async () => {
  const state = join(tempFolder(), 'state')
  const { code, out } = await postTask(state)
  expect(code).toBe(0)
  expect(out).toContain('completed after 61 s, 0.42 USD')
  expect((await postTask(state)).code).toBe(0)
  expect(lines(state)).toHaveLength(1)
  expect(JSON.parse(lines(state)[0] ?? '')).toMatchObject({
    run_id: 'run_01hooktest',
    task_id: '7',
    agent_id: 'dev_001',
    model: 'sonnet',
    success: true,
    duration_ms: 61_000,
    cost_usd: 0.42,
    commits: 2,
    attempts: 2,
    hooks: result.hooks,
    tracker_answers: result.tracker_answers,
  })
  expect(statSync(join(state, 'metrics.jsonl')).mode & 0o777).toBe(0o600)
})

test('a run that was given back and taken again leaves a line for each of its ends', async () => {
  const state = tempFolder()
  await postTask(state, { result: { ...result, success: false, reason: 'refused_by_hook' } })
  await postTask(state)
  await postTask(state)
  expect(lines(state).map(line => JSON.parse(line).reason)).toEqual(['refused_by_hook', 'completed'])
})

test('many runs at once leave whole lines', async () => {
  const state = tempFolder()
  await Promise.all(Array.from({ length: 6 }, (_, n) => postTask(state, { run_id: `run_${n}` })))
  expect(
    lines(state)
      .map(line => JSON.parse(line).run_id)
      .sort(),
  ).toEqual(['run_0', 'run_1', 'run_2', 'run_3', 'run_4', 'run_5'])
})

test('a line that was cut short does not swallow the next one', async () => {
  const state = tempFolder()
  appendFileSync(join(state, 'metrics.jsonl'), '{"run_id":"run_to')
  await postTask(state)
  expect(lines(state)).toHaveLength(2)
  expect(JSON.parse(lines(state)[1] ?? '')).toMatchObject({ run_id: 'run_01hooktest' })
})

test('a trial outside of a run leaves no line, and a document without a result is refused', async () => {
  const state = tempFolder()
  expect((await postTask(state, { run_id: null })).code).toBe(0)
  expect((await postTask(state, { result: undefined })).code).toBe(1)
  expect(() => lines(state)).toThrow('ENOENT')
})
