import { spawnSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { chmodSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openClaude } from '../../../src/agents/claude/claude.ts'
import { probeClaude } from '../../../src/agents/claude/claude-probe.ts'
import { findTranscript } from '../../../src/agents/claude/claude-transcript.ts'
import { identify, isAlive } from '../../../src/machine/process/processes.ts'
import { CLAUDE, claudeEnv } from '../../support/claude-run.ts'
import { claudeStage, planOf } from '../../support/claude-stage.ts'
import { HANGS_MS } from '../../support/patience.ts'
import { tempFolder } from '../../support/temp.ts'
import { waitFor } from '../../support/wait-for.ts'

test('the work is done by tools, told as events, and paid for', async () => {
  const { model, cwd, plan, run } = await claudeStage({
    turns: [
      { text: 'I write it.', write: { path: 'hello.txt', text: 'Hello, world\n' } },
      { bash: 'cat hello.txt && ls not-there' },
      'The greeting is in hello.txt.',
    ],
  })
  const { end, events, lines } = await run()
  expect(readFileSync(join(cwd, 'hello.txt'), 'utf8')).toBe('Hello, world\n')
  expect(end).toMatchObject({
    reason: 'completed',
    text: 'The greeting is in hello.txt.',
    turns: 3,
    toolCalls: 2,
    sessionId: plan.sessionId,
  })
  expect(end.costUsd).toBeGreaterThan(0)
  expect(end.tokens.cacheWrite).toBeGreaterThan(1_000)
  expect(end.model).toMatch(/^claude-sonnet-/)
  expect(events[0]).toEqual({ type: 'agent_ready', sessionId: plan.sessionId, model: end.model })
  expect(events).toContainEqual({ type: 'tool_used', id: expect.any(String), tool: 'Write', argument: join(cwd, 'hello.txt') })
  expect(events).toContainEqual({ type: 'tool_result', id: expect.any(String), ok: false, text: expect.stringContaining('Hello, world') })
  expect(lines.filter(line => JSON.parse(line).type === 'result')).toEqual([lines.at(-1)])
  expect(model.requests.map(request => request.cwd)).toEqual([cwd, cwd, cwd])
  expect(model.requests[0]?.prompt).toContain('Greet the world.')
})

test('nothing of the session goes on after its last word', async () => {
  const { model, run } = await claudeStage({ turns: ['Done.'] })
  await run()
  const { tools, body } = model.requests[0]!
  expect(JSON.stringify(body.tools)).not.toContain('run_in_background')
  expect(tools).toContain('Bash')
  expect(tools).not.toContain('ScheduleWakeup')
})

test('a verdict is held to its schema by the CLI', async () => {
  const verdict = { outcome: 'send_back', summary: 'One test fails.', findings: ['sum(1, 1) is 3'] }
  const { run } = await claudeStage({ turns: [{ verdict: { outcome: 'perhaps' } }, { verdict }] })
  const { end } = await run({ verdict: true })
  expect(end).toMatchObject({ reason: 'sent_back', verdict, text: 'One test fails.' })
})

test('the budget ends the attempt', async () => {
  const { run, model } = await claudeStage({ turns: [{ bash: 'true', usage: { output: 1_000_000 } }, 'Done.'] })
  const { end } = await run({ maxCostUsd: 0.5 })
  expect(end.reason).toBe('over_budget')
  expect(end.costUsd).toBeGreaterThan(0.5)
  expect(model.requests).toHaveLength(1)
})

test('after a kill in the middle of a tool the session is resumed in the same place, by any path to it', async () => {
  const { model, agent, plan, cwd, run } = await claudeStage({
    turns: [{ bash: 'echo one > one.txt' }, { bash: 'sleep 5', once: true }, { bash: 'cat one.txt' }, 'Both done.'],
    workspaceName: 'ein Läden.v2/日本 😀',
  })
  expect(agent.canResume(plan.sessionId, cwd)).toBe(false)
  const killed = await run(
    {},
    {
      onEvent: (event, kill) => {
        if (event.type !== 'tool_used' || event.argument !== 'sleep 5' || !existsSync(join(cwd, 'one.txt'))) return
        // The CLI tells of a tool before it has written its transcript.
        void waitFor('the transcript', () => agent.canResume(plan.sessionId, cwd)).then(kill)
      },
    },
  )
  expect(killed.end).toMatchObject({ reason: 'killed', costIsLeast: true, sessionId: plan.sessionId, toolCalls: 2 })
  const link = join(cwd, '../link')
  symlinkSync(cwd, link)
  expect(agent.canResume(plan.sessionId, cwd)).toBe(true)
  expect(agent.canResume(plan.sessionId, link)).toBe(true)
  expect(agent.canResume(plan.sessionId, join(cwd, '..'))).toBe(false)
  const { end } = await run({ mode: 'resume', cwd: link }, { prompt: 'You were interrupted; go on.' })
  expect(end).toMatchObject({ reason: 'completed', text: 'Both done.', sessionId: plan.sessionId })
  expect(model.requests.at(-1)?.prompt).toContain('Greet the world.')

  const again = await run()
  expect(again).toMatchObject({ end: { reason: 'session_lost' }, stderr: expect.stringContaining('already in use') })
})

test.each(['--help', '--resume', '-c', '--dangerously-skip-permissions=false', '--mcp-config'])(
  'a model of the name %s is asked for as a model, wherever it came from',
  async model => {
    const { run, model: api } = await claudeStage({ turns: ['Done.'] })
    const { end, exit } = await run({ model })
    expect({ reason: end.reason, code: exit.code }).toEqual({ reason: 'completed', code: 0 })
    expect(new Set(api.requests.map(request => request.model))).toEqual(new Set([model]))
  },
)

test('a session that is not there is lost', async () => {
  const { run, model } = await claudeStage({ turns: ['Done.'] })
  const { end } = await run({ mode: 'resume' })
  expect(end).toMatchObject({ reason: 'session_lost', text: expect.stringContaining('No conversation found') })
  expect(model.requests).toHaveLength(0)
})

test('the transcript of a very deep directory is found without knowing how its name was shortened', () => {
  const folder = tempFolder()
  const cwd = join(folder, 'a'.repeat(120), 'b'.repeat(120))
  const projects = join(folder, '.claude', 'projects')
  const name = cwd.replace(/[^a-zA-Z0-9]/g, '-').slice(0, 200)
  mkdirSync(cwd, { recursive: true })
  mkdirSync(join(projects, `${name}-gzq3b3`), { recursive: true })
  const id = randomUUID()
  expect(findTranscript(id, cwd, { HOME: folder })).toBe(null)
  writeFileSync(join(projects, `${name}-gzq3b3`, `${id}.jsonl`), '')
  expect(findTranscript(id, cwd, { HOME: folder })).toBe(join(projects, `${name}-gzq3b3`, `${id}.jsonl`))
})

test("the CLI neither updates itself nor works on after its last word, and its login and provider are the user's", () => {
  const { env, need } = openClaude({ command: CLAUDE, extraArgs: [], permissionMode: 'plan', env: {} }).command(planOf())
  expect(need).toBe('agent')
  expect(env).toMatchObject({ DISABLE_AUTOUPDATER: '1', CLAUDE_CODE_DISABLE_BACKGROUND_TASKS: '1', CLAUDE_CODE_DISABLE_CRON: '1' })
  for (const name of ['CLAUDE_CODE_OAUTH_TOKEN', 'CLAUDE_CODE_USE_BEDROCK', 'CLAUDE_CONFIG_DIR']) expect(env).not.toHaveProperty(name)
})

test('permission modes and further arguments are passed on, and no CLI is a clear error', () => {
  const plan = planOf({ mode: 'resume', sessionId: 'x', maxCostUsd: 0.25 })
  const agent = openClaude({ command: CLAUDE, extraArgs: ['--effort', 'high'], permissionMode: 'acceptEdits', env: {} })
  const line = agent.command(plan).args.join(' ')
  expect(line).toContain('--resume x')
  expect(line).toContain('--permission-mode acceptEdits')
  expect(line).toContain('--max-budget-usd 0.2500')
  expect(line).toMatch(/--effort high$/)
  expect(line).not.toContain('--dangerously-skip-permissions')
  const missing = openClaude({ command: null, extraArgs: [], permissionMode: 'skip', env: {} })
  expect(() => missing.command(plan)).toThrow(expect.objectContaining({ code: 'AGENT_CLI_MISSING' }))
})

test('the CLI tells its version and how it is logged in', async () => {
  const env = claudeEnv(tempFolder(), 'http://127.0.0.1:9')
  const probed = await probeClaude(CLAUDE, env)
  expect(probed).toEqual({ version: expect.stringMatching(/^2\.1\.\d+$/), inTriedRange: true, loggedIn: 'yes', how: 'api_key' })
  const { ANTHROPIC_API_KEY: _, ...without } = env
  expect(await probeClaude(CLAUDE, without)).toMatchObject({ loggedIn: 'no', how: 'none' })
})

test.each([
  ['#!/bin/sh\nsleep 60\n', 'no answer within 0.3 s'],
  ['#!/bin/sh\necho hello\n', 'it answered: hello'],
  ['#!/bin/sh\necho broken >&2; exit 3\n', 'broken'],
])('a program that is not the CLI is told apart: %j', async (script, how) => {
  const path = join(tempFolder(), 'claude')
  writeFileSync(path, script.replace('sleep', 'exec sleep'))
  chmodSync(path, 0o755)
  const probed = await probeClaude(path, process.env, 300)
  expect(probed).toEqual({ version: null, inTriedRange: false, loggedIn: 'unknown', how: expect.stringContaining(how) })
})

test('a wrapper that hangs is ended with what it started; what got away keeps nobody waiting', () => {
  const path = join(tempFolder(), 'claude')
  writeFileSync(path, '#!/bin/sh\nsleep 60 &\necho $! >"$0.child"\nsetsid sleep 60 &\necho $! >"$0.away"\nwait\n')
  chmodSync(path, 0o755)
  const module = join(import.meta.dirname, '../../../src/agents/claude/claude-probe.ts')
  const program = `import(${JSON.stringify(module)}).then(({ probeClaude }) => probeClaude(${JSON.stringify(path)}, process.env, 500))`
  const pid = (name: string) => Number(readFileSync(`${path}.${name}`, 'utf8'))
  try {
    expect(spawnSync(process.execPath, ['-e', program], { timeout: HANGS_MS })).toMatchObject({ status: 0 })
    const child = identify(pid('child'))
    expect(child !== null && isAlive(child)).toBe(false)
  } finally {
    process.kill(pid('away'), 'SIGKILL')
  }
})
