import { expect, test } from 'vitest'
import type { RunnerEvent } from '../../../src/core/event.ts'
import { redactor, secretsOf } from '../../../src/core/redaction.ts'
import { outgoingEvent, outgoingNote, outgoingOutput } from '../../../src/runner/telling/outgoing.ts'

type Home = Parameters<typeof outgoingNote>[1]
const home = (sendsDiff: boolean, env = {}) => ({ policy: { sendsDiff }, redact: redactor(secretsOf(env)) }) as Home
const stamped = (event: RunnerEvent) => ({ at: '', seq: 1, runId: 'run_1', agentId: 'dev_1', ...event })
const CODE = 'const answer = 42'

test('an event stays whole whatever a secret looks like', () => {
  const event = stamped({ type: 'agent_text', text: 'first\nsecond "quoted"' })
  const out = outgoingEvent(event, home(true, { MY_KEY: 'nsecond \\"' }))
  expect(out).toEqual(event)
  expect(outgoingEvent(event, home(true, { MY_KEY: 'second "quoted"' }))).toMatchObject({ text: 'first\n[redacted]' })
  const input = { edits: [{ text: 'my second "quoted"' }] }
  const used = stamped({ type: 'tool_used', id: 't', tool: 'Edit', argument: 'a.js', input })
  expect(outgoingEvent(used, home(true, { MY_KEY: 'second "quoted"' }))).toMatchObject({ input: { edits: [{ text: 'my [redacted]' }] } })
})

test('where code stays at home, nothing that may be a file goes out, and what is done is still seen', () => {
  const out = (event: RunnerEvent) => outgoingEvent(stamped(event), home(false))
  for (const event of [
    { type: 'agent_text', text: CODE },
    { type: 'agent_thinking', text: CODE },
    { type: 'tool_result', id: 't', ok: true, text: CODE },
    { type: 'tool_used', id: 't', tool: 'Bash', argument: `cat > a.js <<E\n${CODE}` },
    { type: 'tool_used', id: 't', tool: 'Write', argument: 'a.js', input: { content: CODE } },
    { type: 'hook_finished', hook: 'post_task', path: '/h', exitCode: 0, ms: 1, message: CODE, log: '/l' },
  ] as const)
    expect(JSON.stringify(out(event))).not.toContain('42')
  expect(out({ type: 'tool_used', id: 't', tool: 'Write', argument: '/srv/shop/src/a-b.ts' })).toMatchObject({
    argument: '/srv/shop/src/a-b.ts',
  })
  expect(outgoingEvent(stamped({ type: 'agent_text', text: CODE }), home(true))).toMatchObject({ text: CODE })
})

test.for([
  ['a fenced block', `It is:\n\n\`\`\`ts\n${CODE}\n\`\`\`\n\nDone.`],
  ['a fenced block of tildes', `It is:\n\n~~~~\n${CODE}\n~~~~\n\nDone.`],
  ['a block that is not closed', `Done. It is:\n\`\`\`\n${CODE}`],
  ['an indented block', `It is:\n\n    ${CODE}\n    more()\n\nDone.`],
  ['a long piece between backticks', `It is \`function f() { ${CODE}; return answer }\`. Done.`],
])('where code stays at home, the note has none: %s', ([, note]) => {
  const out = outgoingNote(note!, home(false))
  expect(out).not.toContain('42')
  expect(out).toContain('Done.')
  expect(out).toContain('(kept at home)')
  expect(outgoingNote(note!, home(true))).toBe(note)
})

test("where code stays at home, the note does not tell a command's output", () => {
  const record = {
    task: { plan: { parts: [{ goal: 'think' }, { command: 'cat secret.ts' }] } },
    attempts: [{ part: 0 }, { part: 1 }],
  } as never
  expect(outgoingOutput(record, home(false))).toBe('(kept at home)')
  expect(outgoingOutput(record, home(true))).toBeUndefined()
})
