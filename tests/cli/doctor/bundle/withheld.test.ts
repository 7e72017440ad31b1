import { expect, test } from 'vitest'
import { withheld } from '../../../../src/cli/doctor/bundle/withheld.ts'
import { encodeLockFile } from '../../../../src/machine/journal/lock-file-format.ts'
import { everyEvent, runRecord } from '../../../support/events.ts'

const SPOKEN = 'spoken words'

test('of what was said only the length is left, and all else is as it was', () => {
  expect(
    withheld({ step: 'claim', title: SPOKEN, deep: [{ text: SPOKEN, ms: 3, criteria: ['a', 'bc'], note: '', branch: null }] }),
  ).toEqual({
    step: 'claim',
    title: '[12 characters]',
    deep: [{ text: '[12 characters]', ms: 3, criteria: ['[1 characters]', '[2 characters]'], note: '', branch: null }],
  })
})

test('what the CLI said when it failed stays, what an agent said at its end does not', () => {
  expect(withheld({ end: { reason: 'api_error', text: 'API Error: 500' } })).toEqual({
    end: { reason: 'api_error', text: 'API Error: 500' },
  })
  for (const reason of ['completed', 'blocked', 'sent_back'])
    expect(withheld({ reason, text: SPOKEN })).toEqual({ reason, text: '[12 characters]' })
})

test('what a hook printed stays when it refused', () => {
  const hook = { type: 'hook_finished', hook: 'pre_task', message: SPOKEN }
  expect(withheld({ ...hook, exitCode: 1 })).toMatchObject({ message: SPOKEN })
  expect(withheld({ ...hook, exitCode: 0 })).toMatchObject({ message: '[12 characters]' })
})

test('no event and no lock file tells what the agent or the task said', () => {
  const talking = new Set(['agent_thinking', 'agent_text', 'tool_used', 'tool_result', 'attempt_ended'])
  const told = everyEvent(SPOKEN).filter(event => talking.has(event.type))
  for (const event of told) expect(JSON.stringify({ ...(withheld(event) as object), tool: '' })).not.toContain(SPOKEN)
  expect(new Set(told.map(event => event.type))).toEqual(talking)
  const record = runRecord('dev_001', 'run_1')
  record.task = { ...record.task, title: SPOKEN, description: SPOKEN, notes: SPOKEN, criteria: [SPOKEN] }
  record.disposition = { kind: 'park', reason: 'blocked', note: SPOKEN }
  expect(JSON.stringify(withheld(encodeLockFile(record)))).not.toContain(SPOKEN)
})
