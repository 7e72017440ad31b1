import fc from 'fast-check'
import { expect, test } from 'vitest'
import { camelKeys, snakeKeys, snakeNames } from '../../src/core/key-case.ts'
import { newTask } from '../../src/core/task.ts'
import { onlyTask, taskSchema } from '../../src/core/task-schema.ts'

test('names are translated at every depth, and values stay as they are', () => {
  const record = { maxCostUsd: 2.5, dependsOn: ['aB', 'c_d'], plan: { parts: [{ timeoutMs: null, goal: 'Keep_it asIs' }] } }
  const wire = { max_cost_usd: 2.5, depends_on: ['aB', 'c_d'], plan: { parts: [{ timeout_ms: null, goal: 'Keep_it asIs' }] } }
  expect(snakeKeys(record)).toEqual(wire)
  expect(camelKeys(wire)).toEqual(record)
  expect(snakeNames(record)).toEqual({ max_cost_usd: 2.5, depends_on: record.dependsOn, plan: record.plan })
})

test('there and back, every name of ours is what it was', () => {
  const word = fc.stringMatching(/^[a-z]{1,6}$/)
  const name = fc.tuple(word, fc.array(word, { maxLength: 3 })).map(([first, more]) => [first, ...more].join('_'))
  fc.assert(
    fc.property(fc.dictionary(name, fc.jsonValue({ maxDepth: 0 })), record => {
      expect(snakeKeys(camelKeys(record))).toEqual({ ...record })
    }),
  )
})

test('a task that says little is a whole task, and the lock file takes it', () => {
  const task = newTask({ id: '7', title: 'One' })
  expect(taskSchema.parse(task)).toEqual(task)
  expect(onlyTask({ ...task, projectId: 'prj_1', labels: ['x'] } as typeof task)).toEqual(task)
})
