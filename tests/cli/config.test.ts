import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { configCommand } from '../../src/cli/config.ts'
import { KEYS } from '../../src/config/schema.ts'
import { tempFolder } from '../support/temp.ts'
import { capture } from './capture.ts'

function place() {
  const root = tempFolder()
  const [repo, home] = [join(root, 'repo'), join(root, 'home')]
  mkdirSync(join(repo, '.git'), { recursive: true })
  const run = (
    args: string[],
    given: { env?: Record<string, string>; stdin?: string; tty?: boolean; written?: { out: string; err: string } } = {},
  ) =>
    capture(configCommand, ['config', ...args], {
      cwd: repo,
      stdin: given.stdin,
      tty: given.tty,
      written: given.written,
      env: { HEADLESS_PM_HOME: home, ...given.env },
    })
  return { repo, home, file: join(home, 'config.json'), run }
}

const parsed = (path: string) => JSON.parse(readFileSync(path, 'utf8'))

test('what is set counts from then on, and unset gives the default back', async () => {
  const { run, file } = place()
  expect((await run(['set', 'claudeTimeout', '900'])).out).toBe(`claudeTimeout = 900 in ${file}\n`)
  expect((await run(['get', 'claudeTimeout'])).out).toBe('900\n')
  expect(parsed(file)).toEqual({ claudeTimeout: 900 })
  expect((await run(['unset', 'claudeTimeout'])).out).toBe(`claudeTimeout removed from ${file}\n`)
  expect((await run(['unset', 'claudeTimeout'])).out).toBe(`claudeTimeout is not in ${file}\n`)
  expect((await run(['get', 'claudeTimeout'])).out).toBe('600\n')
})

test('a value that does not fit is refused and the file stays as it is', async () => {
  const { run, file } = place()
  await run(['set', 'level', 'junior'])
  await expect(run(['set', 'claudeTimeout', 'abc'])).rejects.toMatchObject({
    message: expect.stringMatching(/^claudeTimeout abc: expected/),
    exitCode: 2,
  })
  await expect(run(['set', 'claudTimeout', '3'])).rejects.toThrow('claudTimeout: unknown setting; did you mean claudeTimeout?')
  await expect(run(['set', 'roles.qa.done', 'finished'])).rejects.toThrow('expected one of')
  await expect(run(['set', 'home', '/x'])).rejects.toThrow('can only be given as --home or HEADLESS_PM_HOME')
  expect(parsed(file)).toEqual({ level: 'junior' })
})

test('one entry of a record can be set and read alone', async () => {
  const { run, file } = place()
  await run(['set', 'models.roles.qa', 'opus'])
  await run(['set', 'models.roles.pm', 'haiku'])
  await run(['set', 'roles.qa.verdict', 'false'])
  await run(['set', 'models.junior', 'haiku'])
  expect(parsed(file)).toEqual({ models: { roles: { qa: 'opus', pm: 'haiku' }, junior: 'haiku' }, roles: { qa: { verdict: false } } })
  expect((await run(['get', 'models.roles.pm'])).out).toBe('haiku\n')
  expect((await run(['get', 'models.roles.dev'])).exitCode).toBe(1)
  await run(['unset', 'models.roles.qa'])
  expect((await run(['get', 'models.roles'])).out).toBe('{"pm":"haiku"}\n')
})

test('a path that is typed counts from where it was typed', async () => {
  const { run, repo } = place()
  await run(['set', 'hooksDir', 'my/hooks'])
  expect((await run(['get', 'hooksDir'])).out).toBe(`${join(repo, 'my/hooks')}\n`)
})

test('a secret is read from stdin, kept for its owner alone, and shown nowhere', async () => {
  const { run, home, file } = place()
  mkdirSync(home)
  writeFileSync(file, '{}', { mode: 0o644 })
  const set = await run(['set', 'apiKey', '-'], { stdin: 'hunter2\n' })
  expect(set.err).toContain(`apiKey now stands in ${file} as plain text`)
  expect(parsed(file)).toEqual({ apiKey: 'hunter2' })
  expect(statSync(file).mode & 0o777).toBe(0o600)
  const shown = await Promise.all(
    [['get', 'apiKey'], ['list'], ['list', '--json'], ['explain'], ['explain', '--json'], ['explain', 'apiKey']].map(args => run(args)),
  )
  for (const { out, err } of [set, ...shown]) expect(out + err).not.toContain('hunter2')
  expect(shown[0]?.out).toBe('[redacted]\n')
})

test('explain shows the rest of a configuration that does not hold, and what is wrong with it', async () => {
  const { run, repo } = place()
  writeFileSync(join(repo, 'agent-runner.yaml'), 'level: expert\nclaudeTimeout: 100\n')
  const written = { out: '', err: '' }
  const problem = { code: 'CONFIG_INVALID', message: expect.stringMatching(/^level: expert .*line 1\): expected one of/) }
  await expect(run(['explain'], { written })).rejects.toMatchObject(problem)
  expect(written.out).toMatch(/^level +senior +← level \(.*agent-runner\.yaml line 1\): not valid, the default is shown$/m)
  expect(written.out).toMatch(/^claudeTimeout +100 +← claudeTimeout \(.*agent-runner\.yaml line 2\)$/m)
  await expect(run(['list'])).rejects.toMatchObject(problem)
})

test('explain tells where each value came from, also for the flags of a certain call', async () => {
  const { run, repo } = place()
  writeFileSync(join(repo, 'agent-runner.yaml'), 'hookTimeout: 5\n')
  const { out } = await run(['explain', '--level', 'junior'], { env: { API_KEY: 'k' } })
  expect(out).toMatch(/^level +junior {2}← --level$/m)
  expect(out).toMatch(/^apiKey +\[redacted\] {2}← API_KEY \(environment\)$/m)
  expect(out).toMatch(/^hookTimeout +5 {2}← hookTimeout \(.*agent-runner\.yaml line 1\)$/m)
  expect(out).toMatch(/^claudeTimeout +600 {2}← default$/m)
  expect(out.trim().split('\n')).toHaveLength(KEYS.length)
  const document = JSON.parse((await run(['explain', '--json', '--level', 'junior'])).out)
  expect(document.settings.level).toEqual({ value: 'junior', source: { kind: 'flag', name: '--level', path: null, line: null } })
  expect(document.files.project).toBe(join(repo, 'agent-runner.yaml'))
})

test('list shows every setting once, in JSON with its type', async () => {
  const { run } = place()
  expect((await run(['list'])).out.split('\n').filter(Boolean)).toHaveLength(KEYS.length)
  const document = JSON.parse((await run(['list', '--json'])).out)
  expect(Object.keys(document)).toEqual(KEYS)
  expect(document.claudeTimeout).toBe(600)
  expect(document.apiKey).toBeNull()
})

test('get of what is not set prints nothing and ends with 1', async () => {
  const { run } = place()
  expect(await run(['get', 'baseBranch'])).toEqual({ out: '', err: '', exitCode: 1 })
})

test('path works and unset mends when the file has a wrong key; a file that is no JSON is not overwritten', async () => {
  const { run, home, file } = place()
  mkdirSync(home)
  writeFileSync(file, '{"claude_timeout": 3}')
  await expect(run(['list'])).rejects.toMatchObject({ exitCode: 78 })
  expect((await run(['path'])).out).toBe(`${file}\n`)
  expect((await run(['unset', 'claude_timeout'])).out).toContain('removed')
  expect((await run(['list'])).exitCode).toBe(0)
  writeFileSync(file, '{"level": ')
  await expect(run(['set', 'level', 'junior'])).rejects.toThrow('line 1: not valid JSON')
  await expect(run(['unset', 'level'])).rejects.toThrow('config.json')
  expect(readFileSync(file, 'utf8')).toBe('{"level": ')
})

test('colours are for terminals, and not where NO_COLOR is set', async () => {
  const { run } = place()
  const colour = String.fromCharCode(27)
  expect((await run(['explain'], { tty: true })).out).toContain(colour)
  expect((await run(['explain'], { tty: true, env: { NO_COLOR: '1' } })).out).not.toContain(colour)
  expect((await run(['explain'])).out).not.toContain(colour)
})
