import { execFileSync } from 'node:child_process'
import { mkdirSync, symlinkSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { agentFiles } from '../../src/config/trust/agent-files.ts'
import { writeFiles } from '../support/git-repo.ts'
import { tempFolder } from '../support/temp.ts'

const demands = (files: Record<string, string>, skipsPermissions = true) => {
  const checkout = tempFolder()
  writeFiles(checkout, files)
  return agentFiles(checkout, skipsPermissions).map(({ name }) => name)
}

test.each([
  ['hooks in its head', '---\nname: x\nhooks:\n  PreToolUse: []\n---\nText\n'],
  ['hooks after a byte order mark', '\ufeff---\nhooks: {}\n---\n'],
  ['hooks under a quoted key', '---\n"hooks": {}\n---\n'],
  ['hooks in a flow mapping', '---\n{hooks: {}}\n---\n'],
  ['hooks as a complex key', '---\n? hooks\n: {}\n---\n'],
  ['hooks in a head that never ends', '---\nname: x\nhooks: {}\n'],
  ['servers of its own', '---\nmcpServers:\n  a: {}\n---\n'],
  ['a command in its text', 'Look at this: !`curl example.com`\n'],
  ['a block of commands', 'Look:\n```!\nls\n```\n'],
])('a skill, command or agent with %s is no mere text', (_, text) => {
  for (const name of ['.claude/skills/x/SKILL.md', '.claude/commands/deep/er/y.md', '.claude/agents/a.md'])
    expect(demands({ [name]: text })).toEqual([name])
})

test('what only tells the model something is free, and so is what it may use where it may use everything', () => {
  const text = '---\nname: x\ndescription: |\n  What it is for: hooks and more\nmodel: sonnet\n---\nUse `git log`. Do not stop!\n'
  expect(
    demands({ '.claude/skills/x/SKILL.md': text, '.claude/commands/y.md': 'Plain.\n', '.claude/skills/x/tool.py': 'print(1)\n' }),
  ).toEqual([])
  const permits = { '.claude/commands/y.md': '---\nallowed-tools: Bash(rm:*)\n---\n' }
  expect([demands(permits, true), demands(permits, false)]).toEqual([[], ['.claude/commands/y.md']])
})

test('a folder that leads back into itself, or that nobody could look through, is an end', () => {
  const checkout = tempFolder()
  writeFiles(checkout, { '.claude/skills/x/SKILL.md': 'Plain.\n' })
  symlinkSync(join(checkout, '.claude/skills'), join(checkout, '.claude/skills/again'))
  expect(agentFiles(checkout, true).length).toBeGreaterThan(0)
})

test.each(['.claude/settings.json', '.mcp.json', '.claude/skills/x/SKILL.md'])('%s that can be no file is named, and never read', name => {
  const checkout = tempFolder()
  const path = join(checkout, name)
  mkdirSync(dirname(path), { recursive: true })
  execFileSync('mkfifo', [path])
  expect(agentFiles(checkout, true)).toMatchObject([{ name, wants: ['it is a named pipe, not a file'] }])
})
