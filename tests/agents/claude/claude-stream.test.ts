import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { openClaude } from '../../../src/agents/claude/claude.ts'
import type { ExitRecord } from '../../../src/core/ports/agent.ts'
import { agentKeepsItsPromises, exitRecord } from '../../contracts/agent.ts'

const open = () => openClaude({ command: '/usr/local/bin/claude', extraArgs: [], permissionMode: 'skip', env: {} })

/** Lines that the CLI (2.1.329) really wrote. */
function recorded(name: string): string[] {
  return readFileSync(join(import.meta.dirname, '../../fixtures/claude', `${name}.jsonl`), 'utf8')
    .trimEnd()
    .split('\n')
}

function readAll(lines: string[], exit: Partial<ExitRecord> = {}, stderr = '') {
  const reader = open().reader({ mode: 'fresh' })
  const events = lines.flatMap(line => reader.read(line))
  return { events, end: reader.end(exitRecord(exit), stderr) }
}

agentKeepsItsPromises(open, recorded('verdict'))

describe('what the agent was seen doing', () => {
  const { events, end } = readAll(recorded('subagents'))

  test('is told in order, tools with their main argument and result', () => {
    expect(events.slice(0, 8)).toEqual([
      { type: 'agent_ready', sessionId: expect.any(String), model: 'claude-sonnet-5-5' },
      { type: 'agent_thinking', text: 'hmm let me see' },
      { type: 'agent_text', text: 'I will write.' },
      { type: 'tool_used', id: 'toolu_t0_1', tool: 'Bash', argument: 'echo hi; pwd' },
      { type: 'tool_used', id: 'toolu_t0_2', tool: 'Write', argument: '/home/user/shop/a.txt' },
      { type: 'tool_result', id: 'toolu_t0_1', ok: true, text: 'hi /home/user/shop' },
      { type: 'tool_result', id: 'toolu_t0_2', ok: true, text: expect.stringContaining('File created') },
      { type: 'tool_used', id: 'toolu_t1_4', tool: 'Bash', argument: 'cat nothing-there' },
    ])
    expect(events[8]).toMatchObject({ type: 'tool_result', id: 'toolu_t1_4', ok: false })
    expect(events).toContainEqual({ type: 'tool_used', id: 'toolu_t2_7', tool: 'Agent', argument: 'look' })
  })

  test('leaves out what sub-agents say, and counts what they use', () => {
    expect(events.filter(event => event.type === 'agent_text').map(event => event.text)).toEqual(['I will write.', 'All done.', 'Done.'])
    expect(end.tokens).toEqual({ input: 68, output: 783, cacheRead: 118_243, cacheWrite: 36_483 })
    expect(end.toolCalls).toBe(events.filter(event => event.type === 'tool_used').length)
  })

  test('two result lines are added up, and nothing twice', () => {
    expect(end).toMatchObject({ reason: 'completed', text: 'Done.', turns: 7 })
    expect(end.costUsd).toBeCloseTo(0.1109978, 7)
  })

  test('of a kind that nobody knows is passed over, the rest of its line is not', () => {
    const content = [{ type: 'hologram', text: 7 }, 'odd', { type: 'text', text: 'Still here.' }]
    const line = JSON.stringify({ type: 'assistant', message: { id: 'msg_1', content } })
    expect(open().reader({ mode: 'fresh' }).read(line)).toEqual([{ type: 'agent_text', text: 'Still here.' }])
  })

  test('is told at length where that was asked for, and not without end', () => {
    const long = 'x'.repeat(15_000)
    const asked = { file_path: 'a.txt', content: `${long}\n`, edits: [{ old: long, replaced: true }, 'left out'] }
    const content = [
      { type: 'thinking', thinking: long },
      { type: 'text', text: long },
      { type: 'tool_use', id: 't', name: 'Write', input: asked },
    ]
    const lines = [
      { type: 'assistant', message: { id: 'msg_1', content } },
      { type: 'user', message: { content: [{ type: 'tool_result', tool_use_id: 't', content: `one\ntwo\n${long}` }] } },
    ].map(line => JSON.stringify(line))
    const told = (verbose: boolean) => {
      const reader = open().reader({ mode: 'fresh', verbose })
      return lines.flatMap(line => reader.read(line))
    }
    expect(told(true).slice(0, 2)).toEqual([
      { type: 'agent_thinking', text: long },
      { type: 'agent_text', text: long },
    ])
    expect(told(true)[2]).toMatchObject({
      argument: 'a.txt',
      input: { content: `${long}\n`, edits: [{ old: expect.stringMatching(/^x+…$/) }] },
    })
    expect(JSON.stringify(told(true)[2]).length).toBeLessThan(21_000)
    expect(told(true)[3]).toMatchObject({ text: `one\ntwo\n${long}` })
    for (const event of told(false)) expect(JSON.stringify(event).length).toBeLessThan(2_100)
  })

  test('is not even parsed when a line is gigantic', () => {
    const line = (size: number) => JSON.stringify({ type: 'assistant', message: { content: [{ type: 'text', text: 'x'.repeat(size) }] } })
    expect(open().reader({ mode: 'fresh' }).read(line(1_000_000))).toHaveLength(1)
    expect(open().reader({ mode: 'fresh' }).read(line(17_000_000))).toEqual([])
  })

  test('tells that the model API does not answer', () => {
    expect(readAll(recorded('overloaded')).events).toContainEqual({
      type: 'agent_text',
      text: '(The model API: status 529; the CLI tries again, 1 of 1.)',
    })
  })
})

describe('money', () => {
  test('of a resumed session is only what this attempt spent', () => {
    const { end } = readAll(recorded('resumed'))
    expect(end.costUsd).toBeCloseTo(0.0013585, 7)
    expect(end.tokens).toEqual({ input: 4, output: 8, cacheRead: 12_105, cacheWrite: 24 })
  })

  test('of an attempt without a result is the least that its messages cost, each counted once', () => {
    const lines = recorded('subagents').filter(line => !line.includes('"type":"result"'))
    const { end } = readAll(lines, { code: null, signal: 'SIGKILL' })
    expect(end).toMatchObject({ reason: 'killed', costIsLeast: true, turns: 5 })
    expect(end.tokens.cacheWrite).toBe(11_882 + 87 + 52 + 7_011 + 363 + 435 + tail(lines))
    expect(end.sessionId).toMatch(/^[0-9a-f-]{36}$/)
    const whole = readAll(recorded('subagents')).end
    expect(whole.costIsLeast).toBe(undefined)
    expect(end.costUsd).toBeGreaterThan(whole.costUsd / 2)
    expect(end.costUsd).toBeLessThan(whole.costUsd)
  })

  /** The cache writes of the messages after the sixth, read from the recording by another way. */
  function tail(lines: string[]): number {
    const usage = new Map<string, number>()
    for (const line of lines) {
      const { type, message } = JSON.parse(line)
      if (type === 'assistant') usage.set(message.id, message.usage.cache_creation_input_tokens)
    }
    return [...usage.values()].slice(6).reduce((sum, each) => sum + each, 0)
  }
})

describe('what an attempt came to', () => {
  test.each([
    ['verdict', 0, 'completed', 'ok'],
    ['budget', 1, 'over_budget', 'Reached maximum budget ($0.01)'],
    ['bad-key', 1, 'not_logged_in', 'Failed to authenticate'],
    ['not-logged-in', 1, 'not_logged_in', 'Not logged in · Please run /login'],
    ['unknown-model', 1, 'unknown_model', 'claude-sonnet-5-5'],
    ['overloaded', 1, 'api_error', '529'],
    ['unknown-session', 1, 'session_lost', 'No conversation found'],
    ['prompt-too-long', 1, 'prompt_too_long', 'Prompt is too long'],
    ['no-credit', 1, 'account_blocked', 'Credit balance is too low'],
    ['bad-verdict', 1, 'crashed', 'valid structured output'],
    ['no-verdict', 0, 'crashed', 'No verdict was given.'],
    ['background', 0, 'completed', 'Done.'],
  ])('%s', (name, code, reason, text) => {
    const { end } = readAll(recorded(name), { code })
    expect(end).toMatchObject({ reason, text: expect.stringContaining(text) })
  })

  test('a verdict decides, by its fields and not by prose', () => {
    const given = (outcome: string) => recorded('verdict').map(line => line.replaceAll('"outcome":"pass"', `"outcome":"${outcome}"`))
    expect(readAll(given('pass')).end).toMatchObject({ reason: 'completed', verdict: { outcome: 'pass', summary: 'ok', findings: [] } })
    expect(readAll(given('send_back')).end).toMatchObject({ reason: 'sent_back', verdict: { outcome: 'send_back' } })
    expect(readAll(given('blocked')).end).toMatchObject({ reason: 'blocked', verdict: { outcome: 'blocked' } })
    expect(readAll(given('maybe')).end).toMatchObject({ reason: 'crashed', verdict: null })
  })

  test('a usage limit ends when the CLI says, else when its text says, else nobody knows', () => {
    const lines = recorded('usage-limit')
    expect(readAll(lines, { code: 1 }).end).toMatchObject({ reason: 'usage_limit', resetsAt: 1_795_227_165_000 })
    const textOnly = lines.filter(line => !line.includes('rate_limit_event'))
    expect(readAll(textOnly, { code: 1 }).end.resetsAt).toBe(Date.parse('2026-11-21T02:12:00Z'))
    const neither = textOnly.map(line => line.replaceAll(/ · resets [^"]*/g, ''))
    expect(readAll(neither, { code: 1 }).end).toMatchObject({ reason: 'usage_limit', resetsAt: null })
  })

  test('a rate limit that was survived is none', () => {
    const lines = [recorded('usage-limit').find(line => line.includes('rate_limit_event'))!, ...recorded('verdict')]
    expect(readAll(lines).end).toMatchObject({ reason: 'completed', resetsAt: null })
  })

  test('an error of the API that was got over does not explain a later end', () => {
    const error = recorded('bad-key').find(line => line.includes('"is_api_error_message":true'))!
    const [result] = recorded('unknown-session').map(line => line.replaceAll('No conversation found', 'Something else'))
    const work = recorded('verdict').slice(1, 2)
    expect(readAll([error, result!], { code: 1 }).end.reason).toBe('not_logged_in')
    expect(readAll([error, ...work, result!], { code: 1 }).end).toMatchObject({
      reason: 'crashed',
      text: expect.stringContaining('Something else'),
    })
  })

  test.each(['deadline', 'silent', 'stopped', 'hung_after_result'] as const)('a complete result counts although the end was: %s', cause => {
    expect(readAll(recorded('verdict'), { code: null, signal: 'SIGKILL', cause }).end.reason).toBe('completed')
  })

  test.each([
    [{ code: null, signal: 'SIGTERM', cause: 'deadline' }, '', 'timed_out'],
    [{ code: null, signal: 'SIGKILL', cause: 'silent' }, '', 'silent'],
    [{ code: 143, cause: 'stopped' }, '', 'stopped'],
    [{ code: null, cause: 'start_failed', message: 'spawn ENOENT' }, '', 'cli_missing'],
    [{ code: null, cause: 'no_room', message: 'spawn EAGAIN' }, '', 'system_short'],
    [{ code: 254 }, 'bash: fork: retry: Resource temporarily unavailable\n', 'system_short'],
    [{ code: 2 }, '/usr/bin/claude: 4: Cannot fork\n', 'system_short'],
    [{ code: 1 }, 'Error: EMFILE: too many open files, open', 'system_short'],
    [{ code: 127 }, 'exec: claude: not found', 'cli_missing'],
    [{ code: 1 }, '--dangerously-skip-permissions cannot be used with root/sudo privileges for security reasons\n', 'cli_missing'],
    [{ code: 1 }, "error: unknown option '--nonsense'\n", 'cli_missing'],
    [{ code: 1 }, 'Error: Session ID 3d9c34bb-3e24-480b-940b-07e91f3c77c3 is already in use.\n', 'session_lost'],
    [{ code: null, signal: 'SIGKILL' }, '', 'killed'],
    [{ code: 137 }, '', 'killed'],
    [{ code: 143 }, '', 'killed'],
    [{ code: null, signal: 'SIGSEGV' }, '', 'crashed'],
    [{ code: 1 }, 'TypeError: undefined is not a function', 'crashed'],
    [{ code: 0 }, '', 'crashed'],
  ] as const)('without a result, %o and stderr %j is %s', (exit, stderr, reason) => {
    // What it says on stderr it says before it has begun to work.
    expect(readAll(recorded('verdict').slice(0, stderr ? 1 : 2), exit, stderr).end.reason).toBe(reason)
  })

  test('texts are cut', () => {
    const long = 'x'.repeat(100_000)
    const lines = recorded('verdict').map(line => line.replace('"summary":"ok"', `"summary":"${long}"`))
    const said = recorded('subagents').map(line => line.replace('I will write.', long).replace('echo hi; pwd', long))
    expect(readAll(lines).end.text.length).toBeLessThanOrEqual(8_000)
    for (const event of readAll(said).events) expect(JSON.stringify(event).length).toBeLessThan(2_200)
  })
})
