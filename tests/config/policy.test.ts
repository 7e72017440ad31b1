import { describe, expect, test } from 'vitest'
import { agentIdentity } from '../../src/config/identity.ts'
import { toPolicy } from '../../src/config/policy.ts'
import { trackerChoice, trackerPlace } from '../../src/config/tracker-choice.ts'
import { loadIn, refusalOf } from './load-in.ts'

test('the policy has the configured rules in milliseconds and bytes', async () => {
  const { config } = await loadIn({
    trusted: true,
    env: { HEADLESS_PM_CLAUDE_TIMEOUT: '1.5', HEADLESS_PM_DIFF_LIMIT: '2', HEADLESS_PM_ON_HOOK_FAILURE: 'give-back' },
    files: { 'agent-runner.yaml': 'roles:\n  qa: {done: committed}\n  docs: {done: documentation_done}\nmodels: {roles: {qa: opus}}\n' },
  })
  const policy = toPolicy(config, 'Be good.')
  expect(policy).toMatchObject({
    deadlineMs: 1500,
    silentAfterMs: 300_000,
    heartbeatMs: 240_000,
    healthCheckMs: 300_000,
    taskCheckMs: 30_000,
    outageTries: Number.POSITIVE_INFINITY,
    usageLimitWaitMs: 900_000,
    killGraceMs: 10_000,
    wishGraceMs: 1_000,
    resultGraceMs: 10_000,
    diffBytes: 2048,
    onHookFailure: 'give_back',
    maxAttempts: 3,
    maxInterruptions: 10,
    maxCostUsd: null,
    roleInstructions: 'Be good.',
    models: { levels: { junior: 'sonnet', senior: 'sonnet', principal: 'opus' }, roles: { qa: 'opus' } },
  })
  expect(policy.roles.qa).toEqual({ done: 'committed', sentBack: 'created', verdict: true })
  expect(policy.roles.docs).toEqual({ done: 'documentation_done', sentBack: 'created', verdict: false })
})

test('a runner needs a role and an agent id, and says how to give them', async () => {
  const { config } = await loadIn({ flags: { role: 'qa' } })
  expect(() => agentIdentity(config)).toThrow('missing --agent-id (or HEADLESS_PM_AGENT_ID, or agentId in a file)')
  const both = await loadIn({ flags: { role: 'qa', agentId: 'qa_1' } })
  expect(agentIdentity(both.config)).toEqual({ id: 'qa_1', role: 'qa', level: 'senior' })
})

test('auto means Headless PM as soon as a URL or a key for it is configured, and says by what', async () => {
  expect(trackerChoice((await loadIn({})).config)).toEqual({ tracker: 'embedded', because: 'no server is configured' })
  const key = trackerChoice((await loadIn({ env: { API_KEY: 'k' } })).config)
  expect(key).toEqual({ tracker: 'headless-pm', because: 'configured by API_KEY (environment)' })
  const url = await loadIn({ env: { HEADLESS_PM_API_URL: 'http://pm:1' } })
  expect(trackerChoice(url.config).tracker).toBe('headless-pm')
  const forced = await loadIn({ flags: { tracker: 'embedded' }, env: { API_KEY: 'k' } })
  expect(trackerChoice(forced.config)).toEqual({ tracker: 'embedded', because: 'chosen by --tracker' })
})

test('a PM URL as a flag contradicts the embedded tracker', async () => {
  const error = await refusalOf({ flags: { tracker: 'embedded', apiUrl: 'http://pm:1' } })
  expect(error.message).toBe('--api-url http://pm:1: is for a Headless PM server, but the tracker is embedded')
  expect(error.exitCode).toBe(2)
})

describe('a control plane elsewhere', () => {
  const server = 'http://build.example:8000'

  test('its address alone is enough, and it goes before Headless PM', async () => {
    const { config } = await loadIn({ env: { HEADLESS_PM_SERVER: server, HEADLESS_PM_API_URL: 'http://pm.example' } })
    expect(trackerChoice(config)).toEqual({ tracker: 'control-plane', because: expect.stringContaining('HEADLESS_PM_SERVER') })
    expect(trackerPlace(config)).toBe(`the control plane at ${server}`)
  })

  test('what contradicts it on one command line is refused, and a key is never shown', async () => {
    const refused = async (flags: Record<string, string>, message: RegExp) =>
      expect(await loadIn({ flags }).catch(error => error)).toMatchObject({ code: 'USAGE', message: expect.stringMatching(message) })
    await refused({ server, apiUrl: 'http://pm.example' }, /--api-url.*Headless PM/)
    await refused({ tracker: 'headless-pm', server }, /--server.*control plane/)
    await refused({ tracker: 'embedded', key: 'ar_secret' }, /--key(?!.*ar_secret)/)
    await refused({ server, key: 'ar_secret', keyFile: '/k' }, /--key-file/)
    await refused({ tracker: 'control-plane' }, /needs the address/)
    await refused({ key: 'ar_secret' }, /--key(?!.*ar_secret).*no server is configured: --server/)
    await refused({ keyFile: '/k' }, /--key-file.*no server/)
    await refused({ project: 'shop' }, /--project shop.*no server/)
  })
})
