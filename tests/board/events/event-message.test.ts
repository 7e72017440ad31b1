import fc from 'fast-check'
import { expect, test } from 'vitest'
import { messageOf } from '../../../src/board/events/event-message.ts'
import { EVENT_TYPES } from '../../../src/contract/event-types.ts'

test('what a runner tells and what the control plane tells have a line for people', () => {
  expect(messageOf('TOOL_USED', { type: 'tool_used', id: 't', tool: 'Bash', argument: 'npm test' })).toBe('tool Bash: npm test')
  expect(messageOf('AGENT_THINKING', { type: 'agent_thinking', text: 'Look first.' })).toBe('the agent thinks: Look first.')
  expect(messageOf('LOG', { type: 'tool_result', id: 't', ok: true, text: 'a\nb' })).toBe('the tool answered: a b')
  expect(messageOf('RUN_CREATED', { name: 'Fix it', task: 'tsk_1' })).toBe('the run Fix it was created')
  expect(messageOf('RUN_STARTED', { agent: 'dev_1', attempt: 2 })).toBe('dev_1 took the run, attempt 2')
  expect(messageOf('RUN_PAUSED', { by: 'ann' })).toBe('the run is paused by ann')
  expect(messageOf('RUN_FAILED', { by: 'dev_1', note: 'no luck' })).toBe('the run failed: no luck')
  expect(messageOf('DIRECTIVE', { state: 'too_late', text: 'Stop it.' })).toBe('directive too late: Stop it.')
  expect(messageOf('LOG', { message: 'diff.patch was kept' })).toBe('diff.patch was kept')
})

test('data of any shape has a message: one line, never empty, never long', () => {
  const data = fc.dictionary(fc.constantFrom('type', 'message', 'text', 'task', 'workspace', 'end', 'work', 'name'), fc.anything())
  const types = fc.constantFrom(...EVENT_TYPES, 'SOMETHING_NEWER')
  const kinds = fc.constantFrom('task_taken', 'workspace_ready', 'attempt_ended', 'run_finished', 'step_finished', 'from_the_future')
  fc.assert(
    fc.property(types, data, fc.option(kinds), (type, data, kind) => {
      const message = messageOf(type, kind === null ? data : { ...data, type: kind })
      expect(message).toMatch(/^.{1,500}$/u)
    }),
  )
})
