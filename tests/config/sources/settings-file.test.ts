import { join } from 'node:path'
import { expect, test } from 'vitest'
import { loadIn, refusalOf } from '../load-in.ts'

test('groups may be nested or dotted, in both files', async () => {
  const { config } = await loadIn({
    trusted: true,
    files: { 'agent-runner.yml': 'models:\n  junior: haiku\n  roles:\n    qa: opus\nmodels.senior: opus\nclaudeArgs: [--add-dir, /x]\n' },
    user: { models: { principal: 'haiku' } },
  })
  expect(config.values['models.junior']).toBe('haiku')
  expect(config.values['models.senior']).toBe('opus')
  expect(config.values['models.principal']).toBe('haiku')
  expect(config.values['models.roles']).toEqual({ qa: 'opus' })
  expect(config.values.claudeArgs).toEqual(['--add-dir', '/x'])
  expect(config.sources['models.junior']).toMatchObject({ name: 'models.junior', line: 2 })
})

test('an unknown key is refused with its place and the name that was probably meant', async () => {
  const error = await refusalOf({
    files: { 'agent-runner.yaml': 'level: junior\nclaude_timeout: 5\nmodels:\n  jnior: haiku\nHEADLESS_PM_LEVEL: x\nzzzzzz: 1\n' },
  })
  const lines = error.message.split('\n')
  expect(lines[0]).toMatch(/^claude_timeout \(.*agent-runner\.yaml line 2\): unknown setting; did you mean claudeTimeout\?$/)
  expect(lines[1]).toMatch(/^models\.jnior \(.*line 4\): unknown setting; did you mean models\.junior\?$/)
  expect(lines[2]).toMatch(/did you mean level\?$/)
  expect(lines[3]).toMatch(/unknown setting; `agent-runner config list` shows them all$/)
  expect((await refusalOf({ user: { hookTimout: 3 } })).message).toContain('did you mean hookTimeout?')
})

test('a mistake in the YAML names file and line', async () => {
  const error = await refusalOf({ files: { 'agent-runner.yaml': 'level: junior\nrole: [a\n' } })
  expect(error.message).toMatch(/agent-runner\.yaml line \d: /)
  expect((await refusalOf({ files: { 'agent-runner.yaml': 'level: junior\nlevel: senior\n' } })).message).toMatch(
    /agent-runner\.yaml line 2: /,
  )
  expect((await refusalOf({ files: { 'agent-runner.yaml': 'level: *nowhere\n' } })).message).toContain('agent-runner.yaml')
})

test('a file that is no mapping is refused, an empty one is none', async () => {
  expect((await refusalOf({ files: { 'agent-runner.yaml': '- level\n' } })).message).toContain('expected a mapping')
  expect((await refusalOf({ user: [] })).message).toContain('expected a mapping')
  expect((await refusalOf({ user: '{\n"level": \n}' })).message).toMatch(/config\.json: line 3: not valid JSON/)
  await loadIn({ files: { 'agent-runner.yaml': '# nothing yet\n' }, user: '' })
})

test('where the files are cannot be said in a file', async () => {
  const error = await refusalOf({ files: { 'agent-runner.yaml': 'home: /x\n' }, user: { repo: '/y' } })
  expect(error.message).toContain('line 1): can only be given as --home or HEADLESS_PM_HOME')
  expect(error.message).toContain('can only be given as --repo or HEADLESS_PM_REPO')
})

test('a file with a byte order mark or Windows line ends is read as any other', async () => {
  const { config, repo } = await loadIn({ files: { 'agent-runner.yaml': '\uFEFFlevel: junior\r\nclaudeTimeout: 7\r\n' } })
  expect(config.values.claudeTimeout).toBe(7)
  expect(config.sources.claudeTimeout).toMatchObject({ line: 2, path: join(repo, 'agent-runner.yaml') })
})

test('of agent-runner.yaml and agent-runner.yml the first counts, and one warning names the second', async () => {
  const files = { 'agent-runner.yaml': 'level: junior\n', 'agent-runner.yml': 'level: senior\n' }
  const { config, repo } = await loadIn({ files })
  expect(config.values.level).toBe('junior')
  expect(config.warnings).toEqual([
    `${join(repo, 'agent-runner.yml')}: is passed over, because ${join(repo, 'agent-runner.yaml')} is there too; leave one of them`,
  ])
  expect((await loadIn({ files: { 'agent-runner.yml': files['agent-runner.yml'] } })).config.warnings).toEqual([])
})
