import { expect, test } from 'vitest'
import { firstPrompt, laterPrompt, type PromptParts } from '../../../src/runner/attempts/prompt.ts'
import { aTask } from '../../support/records.ts'

const parts: PromptParts = {
  identity: { id: 'dev_001', role: 'backend_dev', level: 'senior' },
  task: aTask({ title: 'Fix `add`', description: 'It subtracts.', criteria: ['npm test passes'], notes: 'qa: still wrong' }),
  roleInstructions: 'You are a backend developer.',
  workspace: { kind: 'worktree', path: '/w/task-7', branch: 'feature/task-7', base: 'a'.repeat(40), continued: false },
  mentions: [{ id: '1', from: 'pm_1', text: 'mind the tests', taskId: null }],
  verdict: false,
}

test('the prompt holds role, task, criteria, notes, messages, workspace and how to finish', () => {
  const prompt = firstPrompt(parts)
  for (const piece of [
    'backend developer',
    'Fix `add`',
    'It subtracts.',
    '- npm test passes',
    'qa: still wrong',
    'pm_1: mind the tests',
    '/w/task-7',
    'feature/task-7',
    'How to finish',
  ])
    expect(prompt).toContain(piece)
})

test('a checking role is asked for a verdict and told not to repair', () => {
  expect(firstPrompt({ ...parts, verdict: true })).toMatch(/`send_back`[\s\S]*/)
  expect(firstPrompt({ ...parts, verdict: true })).toContain('Do not repair it yourself')
  expect(firstPrompt(parts)).not.toContain('send_back')
})

test('a resumed session gets the news and not the whole task again', () => {
  const prompt = laterPrompt(parts, {
    session: 'resume',
    after: 'killed',
    lastText: 'half way',
    changed: 'src/add.js (+1 -1)',
    directives: [],
  })
  expect(prompt).toContain('src/add.js (+1 -1)')
  expect(prompt).toContain('killed from outside')
  expect(prompt).not.toContain('It subtracts.')
})

test('a session that begins afresh gets the whole task and what was done before', () => {
  const prompt = laterPrompt(parts, {
    session: 'afresh',
    after: 'session_lost',
    lastText: 'half way\nthere',
    changed: 'src/add.js (+1 -1)',
    directives: [],
  })
  for (const piece of ['It subtracts.', '> half way\n> there', 'src/add.js (+1 -1)']) expect(prompt).toContain(piece)
})
