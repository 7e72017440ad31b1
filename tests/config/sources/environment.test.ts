import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { loadConfig } from '../../../src/config/load.ts'
import { trackerChoice } from '../../../src/config/tracker-choice.ts'
import { tempFolder } from '../../support/temp.ts'
import { loadIn, refusalOf } from '../load-in.ts'

test('of several names the first that is set wins', async () => {
  const env = { API_KEY: 'c', API_KEY_HEADLESS_PM: 'b', HEADLESS_PM_API_KEY: 'a' }
  expect((await loadIn({ env })).config.values.apiKey).toBe('a')
  expect((await loadIn({ env: { ...env, HEADLESS_PM_API_KEY: '' } })).config.values.apiKey).toBe('b')
  const { config } = await loadIn({ env: { API_KEY: 'c' } })
  expect(config.values.apiKey).toBe('c')
  expect(config.sources.apiKey.name).toBe('API_KEY')
})

test('.env fills in what the real environment lacks, name by name', async () => {
  const files = { '.env': 'HEADLESS_PM_API_KEY="from the file"\nHEADLESS_PM_LEVEL=junior\n' }
  const { config } = await loadIn({ files, trusted: true, env: { API_KEY: "some other program's", HEADLESS_PM_LEVEL: 'principal' } })
  expect(config.values.apiKey).toBe('from the file')
  expect(config.values.level).toBe('principal')
  expect(process.env.HEADLESS_PM_API_KEY).not.toBe('from the file')
})

test("an API_KEY in .env is the application's: it is no key of ours, no matter of trust, and chooses no tracker", async () => {
  const { config } = await loadIn({ files: { '.env': 'API_KEY=of-a-shop\n' } })
  expect(config.values.apiKey).toBeNull()
  expect(config.trust.state).toBe('none')
  expect(trackerChoice(config).tracker).toBe('embedded')
})

test('a folder called .env is no concern of ours', async () => {
  const root = tempFolder()
  mkdirSync(join(root, '.env'))
  const config = await loadConfig({ flags: { home: join(root, 'home') }, env: {}, cwd: root })
  expect(config.files.dotenv).toBeNull()
})

test('an empty value counts as not set', async () => {
  const { config } = await loadIn({ env: { HEADLESS_PM_HOOK_TIMEOUT: '' } })
  expect(config.sources.hookTimeout.kind).toBe('default')
})

test('lists and records can be given as text', async () => {
  const { config } = await loadIn({
    env: {
      HEADLESS_PM_CLAUDE_ARGS: `--add-dir "/a b" --mcp-config '{"x": 1}'`,
      HEADLESS_PM_MODEL_ROLES: 'qa=opus, pm=haiku',
      HEADLESS_PM_ROLES: '{"architect": {"done": "documentation_done"}}',
    },
  })
  expect(config.values.claudeArgs).toEqual(['--add-dir', '/a b', '--mcp-config', '{"x": 1}'])
  expect(config.values['models.roles']).toEqual({ qa: 'opus', pm: 'haiku' })
  expect(config.values.roles).toEqual({ architect: { done: 'documentation_done' } })
})

test('lists are split at commas and at blanks, arguments as a shell does', async () => {
  for (const written of ['linux,gpu', 'linux gpu', ' linux, gpu ', '["linux", "gpu"]', 'linux,,gpu,']) {
    const { config } = await loadIn({ env: { HEADLESS_PM_LABELS: written } })
    expect(config.values.labels).toEqual(['linux', 'gpu'])
  }
  const { config } = await loadIn({ env: { HEADLESS_PM_CLAUDE_ARGS: '--allowedTools Read,Edit' } })
  expect(config.values.claudeArgs).toEqual(['--allowedTools', 'Read,Edit'])
})

test("names that other programs share count in the environment, after ours, and not in a repository's .env", async () => {
  const env = { CORS_ORIGINS: 'https://a.example,https://b.example', WORKER_CHECK_INTERVAL: '7' }
  const { values } = (await loadIn({ env })).config
  expect([values.corsOrigins, values.taskCheckInterval]).toEqual([['https://a.example', 'https://b.example'], 7])
  expect((await loadIn({ env: { ...env, HEADLESS_PM_TASK_CHECK_INTERVAL: '9' } })).config.values.taskCheckInterval).toBe(9)
  const file = await loadIn({ files: { '.env': 'CORS_ORIGINS=https://a.example\nWORKER_CHECK_INTERVAL=7\n' } })
  expect([file.config.values.corsOrigins, file.config.values.taskCheckInterval]).toEqual([[], 30])
})

test('text that is no list, record or role is refused in plain words', async () => {
  expect((await refusalOf({ env: { HEADLESS_PM_CLAUDE_ARGS: '--x "open' } })).message).toContain('expected a list of arguments')
  expect((await refusalOf({ env: { HEADLESS_PM_MODEL_ROLES: 'opus' } })).message).toContain('expected a model per role, as in qa=opus')
  expect((await refusalOf({ env: { HEADLESS_PM_MODEL_ROLES: '../x=opus' } })).message).toContain('expected role names')
  expect((await refusalOf({ env: { HEADLESS_PM_ROLES: '{"qa": {"done": "finished"}}' } })).message).toContain('at qa.done expected one of')
  expect((await refusalOf({ env: { HEADLESS_PM_ROLES: '{"qa": {"dome": "qa_done"}}' } })).message).toContain('expected only done')
  expect((await refusalOf({ env: { HEADLESS_PM_ROLE: '../../etc' } })).message).toContain('expected a role such as')
  expect((await refusalOf({ env: { HEADLESS_PM_AGENT_ID: '..' } })).message).toContain('expected 1 to 64 letters')
})

test('an argument of the CLI that the runner sets itself is refused', async () => {
  for (const argument of ['--resume=x', '-p', '--model', '--output-format']) {
    const error = await refusalOf({ flags: { claudeArgs: `--add-dir x ${argument}` } })
    expect(error.message, argument).toContain('arguments that the runner does not set itself')
    expect(error.exitCode).toBe(2)
  }
})

test('a model whose name would be an option of the CLI is refused, for a level and for a role', async () => {
  const wrong: Record<string, string>[] = [
    { HEADLESS_PM_MODEL_JUNIOR: '--resume' },
    { HEADLESS_PM_MODEL_SENIOR: '-c' },
    { HEADLESS_PM_MODEL_PRINCIPAL: ' --mcp-config=x' },
    { HEADLESS_PM_MODEL_ROLES: 'qa=--continue' },
  ]
  for (const env of wrong) expect((await refusalOf({ env })).message).toContain('must not begin with a dash')
})
