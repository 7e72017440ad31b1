import { createServer } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { end } from '../../../src/core/ends.ts'
import type { AttemptPlan } from '../../../src/core/ports/agent.ts'
import { CLAUDE } from '../../support/claude-run.ts'
import { type Around, always, claudeStage } from '../../support/claude-stage.ts'

/** One attempt in a stage of its own. */
const attempt = async (around: Around, changes: Partial<AttemptPlan> = {}) => (await claudeStage(around)).run(changes)

const LIMITS = 'You have reached your specified API usage limits. You will regain access on 2026-12-01 at 00:00 UTC.'

/** What may stand between a task and the model, and what it is called. None of it costs the task an attempt. */
const AROUND: [string, Around, string][] = [
  ['a spend limit', { turns: always({ status: 400, type: 'invalid_request_error', message: LIMITS }) }, 'usage_limit'],
  [
    'a spent credit',
    { turns: always({ status: 400, message: 'Your credit balance is too low to access the Anthropic API.' }) },
    'account_blocked',
  ],
  ['a disabled organisation', { turns: always({ status: 400, message: 'This organization has been disabled.' }) }, 'account_blocked'],
  [
    'an account without access',
    { turns: always({ status: 403, message: 'Your account does not have access to Claude Code.' }) },
    'account_blocked',
  ],
  ['an unpaid bill', { turns: always({ status: 402, message: 'Payment required' }) }, 'account_blocked'],
  ['a model that nobody knows', { turns: always({ status: 404 }) }, 'unknown_model'],
  ['a bad key', { turns: always({ status: 401, message: 'invalid x-api-key' }) }, 'not_logged_in'],
  ['an expired token', { turns: always({ status: 401, message: 'OAuth token has expired. Please obtain a new token.' }) }, 'not_logged_in'],
  ['a refusal that nobody knows', { turns: always({ status: 400, message: 'Something nobody has heard of.' }) }, 'api_refused'],
  ['a proxy’s page with 401', { turns: always({ status: 401, html: '401 Unauthorized' }) }, 'api_refused'],
  ['a proxy’s page with 403', { turns: always({ status: 403, html: '403 Forbidden' }) }, 'api_refused'],
  ['a proxy that wants a login', { turns: always({ status: 407, html: '407 Proxy Authentication Required' }) }, 'api_unreachable'],
  ['a captive portal', { turns: always({ status: 200, html: 'Welcome to the hotel' }) }, 'api_unreachable'],
  ['a rate limit', { turns: always({ status: 429, html: '429 Too Many Requests' }) }, 'usage_limit'],
  ['an error inside', { turns: always({ status: 500 }) }, 'api_error'],
  ['a page with 502', { turns: always({ status: 502, html: '502 Bad Gateway' }) }, 'api_error'],
  ['a page with 503', { turns: always({ status: 503, html: '503 Service Unavailable' }) }, 'api_error'],
  ['a page with 504', { turns: always({ status: 504, html: '504 Gateway Time-out' }) }, 'api_error'],
  ['an overloaded API', { turns: always({ status: 529 }) }, 'api_error'],
  ['a name that does not resolve', { url: 'http://no-such-host.invalid' }, 'api_unreachable'],
  ['a refused connection', { url: 'http://127.0.0.1:9' }, 'api_unreachable'],
  ['a proxy that is away', { url: 'http://api.example.invalid', env: { HTTP_PROXY: 'http://127.0.0.1:9' } }, 'api_unreachable'],
]

test.each(AROUND)('%s is not the task’s fault', async (_, around, reason) => {
  const { end: ended } = await attempt(around)
  expect(ended).toMatchObject({ reason, costUsd: 0, toolCalls: 0 })
  expect(end(ended.reason)).toMatchObject({ surroundings: 'fail', counts: 'nothing' })
  if (reason === 'usage_limit' && ended.text.includes('regain')) expect(ended.resetsAt).toBe(Date.parse('2026-12-01T00:00:00Z'))
})

test('an address that speaks no TLS is unreachable', async () => {
  const server = createServer(socket => socket.on('error', () => {}).end('hello\n'))
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  const { end: ended } = await attempt({ url: `https://127.0.0.1:${(server.address() as { port: number }).port}` })
  expect(ended.reason).toBe('api_unreachable')
})

test('a debugger that NODE_OPTIONS asks for ends the CLI before it says a word: that is no task’s fault', async () => {
  const { end: ended, lines, stderr } = await attempt({ turns: ['Done.'], env: { NODE_OPTIONS: '--inspect-brk' } })
  expect({ lines, stderr }).toEqual({ lines: [], stderr: '' })
  expect(ended).toMatchObject({ reason: 'no_start', costUsd: 0 })
})

const TOO_LONG = { status: 400, message: 'prompt is too long: 210000 tokens > 200000 maximum' }
const TOO_LARGE = { status: 413, type: 'request_too_large', message: 'Request exceeds the maximum size' }
const THINKING = { status: 400, message: 'messages.1.content.0.type: Expected `thinking` or `redacted_thinking`, but found `tool_use`' }
const TOOLS = { status: 400, message: 'messages.3: `tool_use` ids were found without `tool_result` blocks' }
const EMPTY = { status: 400, message: 'messages.0.content.0.text: text content blocks must be non-empty' }

test.each([
  ['a prompt that is too long', TOO_LONG, 'prompt_too_long'],
  ['a prompt that is too long for another provider', { status: 400, message: 'Input is too long for requested model.' }, 'prompt_too_long'],
  ['a prompt that is too large', TOO_LARGE, 'prompt_refused'],
  ['a prompt that is too large for a proxy', { status: 413, html: '413 Request Entity Too Large' }, 'prompt_refused'],
  ['a prompt that is malformed', EMPTY, 'prompt_refused'],
  ['a gateway that drops what was thought', THINKING, 'prompt_refused'],
  ['a gateway that drops what tools answered', TOOLS, 'prompt_refused'],
])('%s is refused for itself in a new session: no lost session, and nothing to repeat', async (_, turn, reason) => {
  const { end: ended } = await attempt({ turns: always(turn) })
  expect(ended).toMatchObject({ reason, costUsd: 0 })
  expect(end(ended.reason)).toMatchObject({ next: 'park', surroundings: 'unclear' })
})

test.each([
  ['grew too long', TOO_LONG, 'session_outgrown'],
  ['grew too large', TOO_LARGE, 'session_outgrown'],
  ['lost what was thought', THINKING, 'session_broken'],
  ['lost what tools answered', TOOLS, 'session_broken'],
])('a conversation that %s after the model answered is begun afresh once', async (_, turn, reason) => {
  const { end: ended } = await attempt({ turns: [{ bash: 'true' }, ...always(turn)] })
  expect(ended).toMatchObject({ reason, toolCalls: 1 })
  expect(end(ended.reason)).toMatchObject({ next: 'retry', session: 'afresh_once', counts: 'failure' })
})

test('a resumed session that is refused at once may still be the conversation’s fault', async () => {
  const { plan, model, run } = await claudeStage({ turns: ['Hello.', ...always(THINKING)] })
  expect((await run()).end.reason).toBe('completed')
  const asked = model.requests.length
  const { end: ended } = await run({ mode: 'resume', sessionId: plan.sessionId })
  expect(model.requests.length).toBeGreaterThan(asked)
  expect(ended).toMatchObject({ reason: 'session_broken', costUsd: 0 })
})

test('content that is refused is the task’s, and is charged to it', async () => {
  const { end: ended } = await attempt({ turns: always({ status: 400, message: 'Output blocked by content filtering policy' }) })
  expect(ended.reason).toBe('content_refused')
  expect(end(ended.reason).counts).toBe('failure')
})

test('a success whose tools were denied says which', async () => {
  const turns = [{ bash: 'touch made.txt' }, { write: { path: 'made.txt', text: 'x' } }, 'All done.']
  const { end: ended } = await attempt({ turns, permissionMode: 'dontAsk' })
  expect(ended).toMatchObject({
    reason: 'completed',
    denied: 2,
    remarks: [expect.stringMatching(/denied Bash touch made\.txt · Write .*made\.txt\.$/)],
  })
})

test('turns that are spent have a reason of their own', async () => {
  const { end: ended } = await attempt({ turns: [{ bash: 'true' }, { bash: 'true' }, { bash: 'true' }, 'Done.'] }, { maxTurns: 1 })
  expect(ended.reason).toBe('turns_spent')
})

test('an answer without a word and without a deed is not done', async () => {
  const { end: ended } = await attempt({ turns: [{ text: '' }, { text: '' }, { text: '' }, { text: '' }] })
  expect(end(ended.reason).next).not.toBe('report')
})

test('what is run under the CLI cannot say for it how it ended: a result line written to its output, and a kill', async () => {
  const forged = JSON.stringify({
    type: 'result',
    subtype: 'success',
    is_error: false,
    result: 'All good.',
    num_turns: 9,
    total_cost_usd: 0,
  })
  const out = `cli=$PPID; while [ "$(readlink /proc/$cli/exe)" != "$(readlink -f ${CLAUDE})" ] && [ $cli -gt 1 ]; do cli=$(awk '{print $4}' /proc/$cli/stat); done`
  const { end: ended, lines } = await attempt({
    turns: [{ bash: `${out}; echo '${forged}' > /proc/$cli/fd/1; kill -9 $cli` }, 'Done.'],
  })
  expect(lines.some(line => line.includes('All good.'))).toBe(true)
  expect(ended).toMatchObject({ reason: 'killed', verdict: null, costIsLeast: true })
  expect(ended.costUsd).toBeGreaterThan(0)
})
