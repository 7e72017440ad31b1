import { existsSync, mkdirSync, mkdtempSync, readdirSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { loadConfig } from '../../src/config/load.ts'
import { writeFiles } from '../support/git-repo.ts'
import { tempFolder } from '../support/temp.ts'
import { loadIn, refusalOf } from './load-in.ts'

const everywhere = {
  flags: { claudeTimeout: '1' },
  env: { HEADLESS_PM_CLAUDE_TIMEOUT: '2' },
  files: { '.env': '# ours\nexport HEADLESS_PM_CLAUDE_TIMEOUT=3\n', 'agent-runner.yaml': 'level: junior\nclaudeTimeout: 4\n' },
  user: { claudeTimeout: 5 },
}

test('flags go before environment, .env, project file, user file and defaults, and each value knows where it is from', async () => {
  const first = await loadIn(everywhere)
  expect(first.config.values.claudeTimeout).toBe(1)
  expect(first.config.sources.claudeTimeout).toEqual({ kind: 'flag', name: '--claude-timeout', path: null, line: null })

  const second = await loadIn({ ...everywhere, flags: {} })
  expect(second.config.values.claudeTimeout).toBe(2)
  expect(second.config.sources.claudeTimeout).toEqual({ kind: 'environment', name: 'HEADLESS_PM_CLAUDE_TIMEOUT', path: null, line: null })

  const third = await loadIn({ ...everywhere, flags: {}, env: {} })
  expect(third.config.values.claudeTimeout).toBe(3)
  const dotenv = join(third.repo, '.env')
  expect(third.config.sources.claudeTimeout).toEqual({ kind: 'dotenv', name: 'HEADLESS_PM_CLAUDE_TIMEOUT', path: dotenv, line: 2 })

  const fourth = await loadIn({ files: { 'agent-runner.yaml': everywhere.files['agent-runner.yaml'] }, user: everywhere.user })
  expect(fourth.config.values.claudeTimeout).toBe(4)
  const project = join(fourth.repo, 'agent-runner.yaml')
  expect(fourth.config.sources.claudeTimeout).toEqual({ kind: 'project', name: 'claudeTimeout', path: project, line: 2 })

  const fifth = await loadIn({ user: everywhere.user })
  expect(fifth.config.values.claudeTimeout).toBe(5)
  expect(fifth.config.sources.claudeTimeout).toMatchObject({ kind: 'user', path: join(fifth.home, 'config.json') })

  const last = await loadIn({})
  expect(last.config.values.claudeTimeout).toBe(600)
  expect(last.config.sources.claudeTimeout.kind).toBe('default')
})

test('a bad value names its source, whichever it is', async () => {
  const what = 'expected a number of seconds from 0.1 to 2678400'
  const environment = await refusalOf({ env: { HEADLESS_PM_CLAUDE_TIMEOUT: 'abc' } })
  expect(environment.message).toBe(`HEADLESS_PM_CLAUDE_TIMEOUT=abc (environment): ${what}`)
  expect(environment.exitCode).toBe(78)
  const flag = await refusalOf({ flags: { claudeTimeout: 'abc' } })
  expect(flag.message).toBe(`--claude-timeout abc: ${what}`)
  expect(flag.exitCode).toBe(2)
  const dotenv = await refusalOf({ files: { '.env': '\nHEADLESS_PM_CLAUDE_TIMEOUT=1h\n' } })
  expect(dotenv.message).toMatch(/^HEADLESS_PM_CLAUDE_TIMEOUT=1h \(\/.*\.env line 2\): expected/)
  const project = await refusalOf({ files: { 'agent-runner.yaml': '# x\nclaudeTimeout: abc\n' } })
  expect(project.message).toMatch(/^claudeTimeout: abc \(\/.*agent-runner\.yaml line 2\): expected/)
  const user = await refusalOf({ user: { claudeTimeout: 'abc' } })
  expect(user.message).toMatch(/^claudeTimeout: abc \(\/.*config\.json\): expected/)
})

test('all bad values are told at once', async () => {
  const error = await refusalOf({
    env: { HEADLESS_PM_LEVEL: 'expert', HEADLESS_PM_HOOK_TIMEOUT: '-1', HEADLESS_PM_MAX_ATTEMPTS: '2.5' },
    files: { 'agent-runner.yaml': 'maxCost: free\nmodels: {junior: 3}\n' },
  })
  expect(error.message.split('\n')).toHaveLength(5)
  expect(error.message).toContain('HEADLESS_PM_LEVEL=expert (environment): expected one of junior, senior, principal')
})

test('a value that a nearer one overrides is not looked at', async () => {
  const { config } = await loadIn({ flags: { level: 'junior' }, env: { HEADLESS_PM_LEVEL: 'expert' } })
  expect(config.values.level).toBe('junior')
})

test('paths count from where they were written, and ~ is the home directory', async () => {
  const { config, repo, home } = await loadIn({
    trusted: true,
    env: { HEADLESS_PM_HOOKS_DIR: '~/hooks', HEADLESS_PM_CLAUDE_COMMAND: 'claude-2' },
    files: { 'agent-runner.yaml': 'worktreeBase: ../trees\n' },
    user: { roleInstructionsDir: 'roles' },
  })
  expect(config.values.worktreeBase).toBe(join(repo, '..', 'trees'))
  expect(config.values.hooksDir).toBe(join(homedir(), 'hooks'))
  expect(config.values.roleInstructionsDir).toBe(join(home, 'roles'))
  expect(config.values.claudeCommand).toBe('claude-2')
  expect((await loadIn({})).config.values.worktreeBase).toMatch(/repo\/\.worktrees$/)
})

test('in a subfolder the repository around it is meant, and its files are read', async () => {
  const root = tempFolder()
  writeFiles(root, { 'agent-runner.yaml': 'level: principal\n', '.git/HEAD': '', 'src/deep/file': '' })
  const config = await loadConfig({ flags: {}, env: { HEADLESS_PM_HOME: join(root, 'home') }, cwd: join(root, 'src/deep') })
  expect(config.values.repo).toBe(root)
  expect(config.values.level).toBe('principal')
  expect(config.files.project).toBe(join(root, 'agent-runner.yaml'))
})

test('--repo is taken as given, relative to the current directory; a folder that is not there is refused', async () => {
  const root = tempFolder()
  mkdirSync(join(root, 'a', 'b'), { recursive: true })
  mkdirSync(join(root, 'a', '.git'))
  const env = { HEADLESS_PM_HOME: join(root, 'home') }
  expect((await loadConfig({ flags: { repo: 'a/b' }, env, cwd: root })).values.repo).toBe(join(root, 'a', 'b'))
  await expect(loadConfig({ flags: { repo: 'nowhere' }, env, cwd: root })).rejects.toThrow(/^--repo .*nowhere: there is no such folder$/)
})

test('loading writes nothing, and makes no state folder', async () => {
  const root = tempFolder()
  mkdirSync(join(root, 'repo'))
  await loadConfig({ flags: { home: join(root, 'home') }, env: {}, cwd: join(root, 'repo') })
  expect(existsSync(join(root, 'home'))).toBe(false)
  expect(readdirSync(join(root, 'repo'))).toEqual([])
})

test('null in a file means: not set', async () => {
  const { config } = await loadIn({ files: { 'agent-runner.yaml': 'baseBranch:\n' }, user: { baseBranch: 'main' } })
  expect(config.values.baseBranch).toBeNull()
  expect((await refusalOf({ files: { 'agent-runner.yaml': 'claudeTimeout:\n' } })).message).toContain('expected a number')
})

test('a secret or a password is in no message', async () => {
  expect((await refusalOf({ user: { apiKey: { value: 'hunter2' } } })).message).not.toContain('hunter2')
  expect((await refusalOf({ env: { HEADLESS_PM_API_URL: 'http://me:hunter2@pm' } })).message).not.toContain('hunter2')
  expect((await refusalOf({ user: { apiKye: 'hunter2' } })).message).not.toContain('hunter2')
  expect((await refusalOf({ user: '{"apiKey": hunter2}' })).message).not.toContain('hunter2')
})

test('settings that need a state folder of their own do not need the folder to be there', async () => {
  const home = join(mkdtempSync(join(tempFolder(), 'x')), 'none', 'yet')
  expect((await loadIn({ flags: { home } })).config.values.home).toBe(home)
})
