import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { refuseChangedCommand } from '../../src/cli/compose/agent-trust.ts'
import { loadConfig } from '../../src/config/load.ts'
import { withAbsoluteFiles } from '../../src/config/sources/argument-files.ts'
import { writeFiles } from '../support/git-repo.ts'
import { tempFolder } from '../support/temp.ts'
import { trustAsItIs } from '../support/trusted.ts'

/** A trusted repository whose settings name a command, as a runner has loaded it. */
async function running(files: Record<string, string>, flags: Record<string, unknown> = {}, make?: (repo: string) => void) {
  const root = tempFolder()
  const [repo, home] = [join(root, 'repo'), join(root, 'home')]
  mkdirSync(join(repo, '.git'), { recursive: true })
  mkdirSync(home, { mode: 0o700 })
  writeFiles(repo, files)
  make?.(repo)
  await trustAsItIs(repo, home)
  const load = () => loadConfig({ flags, env: { HEADLESS_PM_HOME: home }, cwd: repo })
  const config = await load()
  return { repo, root, home, config, load, start: () => refuseChangedCommand(config) }
}

const YAML = 'claudeCommand: ./tools/agent.sh\nclaudeArgs: [--mcp-config=servers.json, --settings, more.json, --plugin-dir, plugins]\n'
const FILES = { 'agent-runner.yaml': YAML, 'tools/agent.sh': 'x', 'servers.json': '{}', 'plugins/a/plugin.json': '{}' }

test.each([
  ['the command', (repo: string) => writeFiles(repo, { 'tools/agent.sh': 'y' }), 'tools/agent.sh has changed'],
  ['a file of an argument', (repo: string) => writeFiles(repo, { 'servers.json': '{"mcpServers":{}}' }), 'servers.json has changed'],
  ['a file that was not there', (repo: string) => writeFiles(repo, { 'more.json': '{}' }), 'more.json is new'],
  ['a file in a folder', (repo: string) => writeFiles(repo, { 'plugins/b/plugin.json': '{}' }), 'plugins/b/plugin.json is new'],
  ['a link in its place', (repo: string) => link(repo, 'servers.json', '/etc/hostname'), 'servers.json has changed'],
  ['a link on the way to it', (repo: string) => link(repo, 'tools', '/tmp'), 'tools/agent.sh has changed'],
  ['its removal', (repo: string) => rmSync(join(repo, 'servers.json')), 'servers.json is gone'],
])('an agent that changes %s keeps the next attempt from being started', async (_, change, words) => {
  const { repo, home, start, load } = await running(FILES)
  start()
  change(repo)
  expect(start).toThrow(words)
  expect(start).toThrow(`agent-runner trust ${repo}`)
  await expect(load()).rejects.toMatchObject({ code: 'UNTRUSTED', exitCode: 78 })
  await trustAsItIs(repo, home)
  start()
})

function link(repo: string, name: string, to: string) {
  rmSync(join(repo, name), { recursive: true })
  symlinkSync(to, join(repo, name))
}

test('a link that leads out of the repository is trusted as the way that it leads', async () => {
  const { repo, root, start, load } = await running({ 'agent-runner.yaml': 'claudeCommand: ./agent\n' }, {}, at => {
    writeFileSync(join(at, '../one'), 'x')
    writeFileSync(join(at, '../two'), 'x')
    symlinkSync('../one', join(at, 'agent'))
  })
  start()
  writeFileSync(join(root, 'one'), 'a newer program of the machine')
  start()
  link(repo, 'agent', '../two')
  expect(start).toThrow('agent has changed')
  await expect(load()).rejects.toMatchObject({ code: 'UNTRUSTED' })
})

test("what the user names is the user's own, in the repository too", async () => {
  const { repo, start } = await running({ 'tools/agent.sh': 'x', 'hooks/pre_task': 'x' }, { claudeCommand: './tools/agent.sh' })
  writeFiles(repo, { 'tools/agent.sh': 'y' })
  start()
})

test('a link to a folder of the repository in hooks/ counts with what is in it', async () => {
  const { repo, load } = await running({ 'hooks/pre_task': 'x', 'scripts/lib.sh': 'x' }, {}, at => {
    symlinkSync('../scripts', join(at, 'hooks/lib'))
    symlinkSync('..', join(at, 'scripts/round'))
  })
  await load()
  writeFiles(repo, { 'scripts/lib.sh': 'y' })
  await expect(load()).rejects.toMatchObject({ message: expect.stringContaining('hooks/lib/lib.sh has changed') })
})

test('files that arguments name count from where they were written, and what stands there on a branch does not', async () => {
  const { repo, config } = await running(FILES)
  expect(config.values.claudeArgs).toEqual([
    `--mcp-config=${repo}/servers.json`,
    '--settings',
    `${repo}/more.json`,
    '--plugin-dir',
    `${repo}/plugins`,
  ])
  const absolute = (path: string) => `/at/${path}`
  expect(withAbsoluteFiles(['--mcp-config', 'a', 'b', '--effort', 'low', '--settings', '{"a":1}', 'c'], absolute)).toEqual([
    ...['--mcp-config', '/at/a', '/at/b', '--effort', 'low', '--settings', '{"a":1}', '/at/c'],
  ])
  expect(withAbsoluteFiles(['--add-dir', '../x', '--agents={"a":{}}', '--append-system-prompt-file=p.md'], absolute)).toEqual([
    ...['--add-dir', '../x', '--agents={"a":{}}', '--append-system-prompt-file=/at/p.md'],
  ])
})
