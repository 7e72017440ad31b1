import { expect, test } from 'vitest'
import { modelFor, rolePolicy } from '../../src/core/policy.ts'

const models = { levels: { junior: 'sonnet', senior: 'sonnet', principal: 'opus' }, roles: { qa: 'haiku' } } as const
const task = { model: null, role: 'backend_dev', seniority: 'principal' } as const

test('the task names its model, else the role, else the level', () => {
  expect(modelFor(models, { ...task, model: 'special' }, 'qa')).toBe('special')
  expect(modelFor(models, task, 'qa')).toBe('haiku')
  expect(modelFor(models, task, 'backend_dev')).toBe('opus')
})

test('QA checks and everybody else does, unless the configuration says otherwise', () => {
  expect(rolePolicy({ roles: {} }, 'qa')).toEqual({ done: 'qa_done', sentBack: 'created', verdict: true })
  expect(rolePolicy({ roles: {} }, 'backend_dev')).toMatchObject({ done: 'dev_done', verdict: false })
  const roles = { architect: { done: 'documentation_done', sentBack: 'created', verdict: false } }
  expect(rolePolicy({ roles }, 'architect').done).toBe('documentation_done')
})

test('a role with the name of what every object inherits is like any other', () => {
  expect(modelFor(models, task, 'constructor')).toBe('opus')
  expect(rolePolicy({ roles: {} }, 'constructor').done).toBe('dev_done')
})
