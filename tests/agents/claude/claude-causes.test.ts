import { describe, expect, test } from 'vitest'
import { causeOf, type Refusal } from '../../../src/agents/claude/claude-causes.ts'
import { end } from '../../../src/core/ends.ts'

const said = (text: string, more: Partial<Refusal> = {}) =>
  causeOf({ where: 'result', status: null, error: '', terminal: '', opening: false, text, ...more })
const api = (status: number | null, text: string, error = 'unknown') => said(text, { status, error, terminal: 'api_error' })

/** What was seen in the world, of this CLI and of older ones, as the text of a result with an error. */
const SEEN = {
  usage_limit: [
    "You've hit your limit · resets 3am",
    "You've hit your limit · resets 1:30am (Asia/Dhaka)",
    "You've hit your limit · resets May 5 at 9pm (America/New_York)",
    "You've hit your session limit · resets 8pm (Europe/Berlin)",
    "You've hit your weekly limit · resets Aug 16 at 1am (Asia/Tokyo)",
    "You've hit your Opus limit · resets Nov 24, 8pm (UTC)",
    "You've hit your org's monthly spend limit",
    "You've hit your monthly spend limit · progress saved",
    "You've reached your Fable limit.",
    'You’ve hit your limit for Claude messages. Limits will reset at 9:30 AM. View your usage details.',
    'Claude usage limit reached. Your limit will reset at 3pm (America/Santiago).',
    'Claude AI usage limit reached|1760000400',
    '5-hour limit reached ∙ resets 3pm',
    'Weekly limit reached ∙ resets Oct 9, 5pm',
    'Session limit reached ∙ resets 9:30pm',
    "You're out of extra usage · resets 7pm (Asia/Seoul)",
    "You're out of extra usage. Please retry later.",
    'Fable 5.1 requires usage credits. Switch to another model',
    'API Error: 400 You have reached your specified API usage limits. You will regain access on 2026-12-01 at 00:00 UTC.',
    'API Error: 400 You have reached your specified workspace API usage limits. You will regain access on 2999-01-01 at 00:00 UTC.',
    'API Error: 400 {"type":"error","error":{"type":"invalid_request_error","message":"You have reached your specified API usage limits. You will regain access on 2025-06-01 at 00:00 UTC."}}',
    'API Error: 429 {"error":{"code":"1308","message":"Usage limit reached for 5 hour. Your limit will reset at 2026-04-09 15:13:03"}}',
    'Weekly/Monthly Limit Exhausted. Your limit will reset at 2026-08-27 12:05:49',
    'Spend limit reached.',
    'You have exceeded your quota for this window.',
  ],
  account_blocked: [
    'Credit balance is too low',
    'API Error: 400 Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or purchase credits.',
    'API Error: 400 This organization has been disabled.',
    'Your organization has been disabled',
    'Your ANTHROPIC_API_KEY belongs to a disabled organization · Update or unset the environment variable',
    'Your organization has disabled Claude subscription access for Claude Code · Use an Anthropic API key instead, or ask your admin to enable access',
    'Failed to authenticate. API Error: 403 OAuth authentication is currently not allowed for this organization.',
    'API Error: 403 {"type":"error","error":{"type":"permission_error","message":"Your account does not have access to Claude Code."}}',
    'Your account has been suspended.',
    'API Error: 402 Payment required',
    'Insufficient Balance',
  ],
  not_logged_in: [
    'Not logged in · Please run /login',
    'Invalid API key · Please run /login',
    'Invalid API key · Fix external API key',
    'Failed to authenticate. API Error: 401 OAuth token has expired. Please obtain a new token or refresh your existing token.',
    'OAuth token revoked · Please run /login',
    'API Error: 401 {"type":"error","error":{"type":"authentication_error","message":"Invalid bearer token"}}',
    'API Error: 401 {"type":"error","error":{"type":"authentication_error","message":"invalid x-api-key"}}',
  ],
  api_unreachable: [
    'API Error: Connection refused — a firewall or proxy may be blocking it (ECONNREFUSED)',
    "API Error: Can't reach the API server — check your internet or DNS (ENOTFOUND)",
    'API Error: Unable to connect to API (EPROTO)',
    'API Error: Unable to connect to API: Self-signed certificate detected. Check your proxy or corporate SSL certificates',
    'API Error: Unable to connect to API: certificate is not yet valid (CERT_NOT_YET_VALID)',
    'Failed to connect to api.anthropic.com: UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
    'API Error: API returned an empty or malformed response (HTTP 200) — check for a proxy or gateway intercepting the request.',
    'API Error (Connection error.)',
    'API Error: Request timed out.',
    'API Error: fetch failed',
    'API Error: getaddrinfo EAI_AGAIN api.anthropic.com',
    'API Error: socket hang up',
  ],
  api_error: [
    'API Error: 529 Overloaded. This is a server-side issue, usually temporary — try again in a moment.',
    'API Error: 529 {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}',
    'API Error: 500 Internal server error.',
    'API Error: 502 Bad Gateway.',
    'API Error: 504 Gateway Time-out.',
    'Repeated 529 Overloaded errors',
  ],
  session_lost: ['No conversation found with session ID: 954c4fc3-8ff2-4b01-ba93-aafa7a509ba8'],
  session_outgrown: [
    'Prompt is too long · the request is ~250000 tokens (limit 200000)',
    'API Error: 400 {"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 210000 tokens > 200000 maximum"}}',
    'API Error: 400 input length and `max_tokens` exceed context limit: 190000 + 32000 > 200000, decrease input length or `max_tokens` and try again',
    'API Error: 400 Input is too long for requested model.',
    "API Error: 400 This model's maximum context length is 131072 tokens.",
    'Request too large (max 32MB). Accumulated images and attachments in the conversation pushed the request over the limit.',
  ],
  session_broken: [
    'API Error: 400 due to tool use concurrency issues.',
    'API Error: 400 messages.12.content.0: image exceeds 5 MB maximum',
    'API Error: 400 messages.1.content.0.type: Expected `thinking` or `redacted_thinking`, but found `tool_use`',
    'API Error: 400 messages: roles must alternate between "user" and "assistant"',
  ],
  content_refused: [
    'API Error: 400 Output blocked by content filtering policy',
    'API Error: Claude Code is unable to respond to this request, which appears to violate our Usage Policy.',
  ],
} as const

describe.each(Object.entries(SEEN))('%s', (reason, texts) => {
  test.each(texts)('%s', text => {
    expect(said(text)).toBe(reason)
  })
})

test.each([
  [401, 'Failed to authenticate. API Error: 401 Unauthorized', 'authentication_failed', 'api_refused'],
  [403, 'Failed to authenticate. API Error: 403 Forbidden', 'authentication_failed', 'api_refused'],
  [403, 'Failed to authenticate. API Error: 403 Access denied by your web gateway', 'authentication_failed', 'api_refused'],
  [407, 'API Error: 407 Proxy Authentication Required', 'unknown', 'api_unreachable'],
  [511, 'API Error: 511 Network Authentication Required', 'unknown', 'api_unreachable'],
  [
    404,
    "There's an issue with the selected model (claude-x). It may not exist or you may not have access to it.",
    'model_not_found',
    'unknown_model',
  ],
  [429, "API Error: Request rejected (429) · This request would exceed your account's rate limit.", 'rate_limit', 'usage_limit'],
  [599, 'API Error: 599 whatever', 'unknown', 'api_error'],
] as const)('status %i, %s: %s is %s', (status, text, error, reason) => {
  expect(api(status, text, error)).toBe(reason)
})

test.each([400, 405, 409, 418, 451])('a refusal that nobody knows is of the surroundings, status %i', status => {
  const reason = api(status, `API Error: ${status} Something nobody has heard of.`)!
  expect(reason).toBe('api_refused')
  expect(end(reason)).toMatchObject({ surroundings: 'fail', counts: 'nothing', next: 'wait', actor: 'operator' })
})

test('no refusal costs a task an attempt, unless it is about what was said in it', () => {
  const ofTheTask = ['session_lost', 'session_outgrown', 'session_broken', 'content_refused']
  for (const [reason] of Object.entries(SEEN)) {
    const { counts } = end(reason as keyof typeof SEEN)
    expect(counts, reason).toBe(ofTheTask.includes(reason) ? 'failure' : 'nothing')
  }
})

test('what is said of a conversation is said of the prompt where nothing was answered in a new session', () => {
  const opening = { opening: true }
  for (const text of SEEN.session_broken) expect(said(text, opening)).toBe('prompt_refused')
  for (const text of SEEN.session_outgrown)
    expect(said(text, opening)).toBe(text.startsWith('Request too large') ? 'prompt_refused' : 'prompt_too_long')
  for (const reason of ['usage_limit', 'account_blocked', 'not_logged_in', 'api_unreachable', 'api_error'] as const)
    for (const text of SEEN[reason]) expect(said(text, opening)).toBe(reason)
})

test.each(['', 'TypeError: undefined is not a function', 'I read about the limits of the API.', 'Error: max turns reached'])(
  'nobody refused anything in %j',
  text => {
    expect(said(text)).toBe(null)
  },
)
