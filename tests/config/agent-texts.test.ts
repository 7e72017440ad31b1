import { execFileSync } from 'node:child_process'
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { agentFiles } from '../../src/config/trust/agent-files.ts'
import { git, gitRepo, writeFiles } from '../support/git-repo.ts'
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
  ['hooks at an indentation', '---\n name: x\n hooks: {}\n---\n'],
  ['hooks at an indentation after a comment', '---\n# c\n  # d\n  name: x\n  hooks: {}\n---\n'],
  ['hooks after tabs', '---\n\tname: x\n\thooks: {}\n---\n'],
  ['hooks in lines that end as on Windows', '---\r\n name: x\r\n hooks: {}\r\n---\r\n'],
  ['hooks in lines that end in a carriage return', '---\r\nname: x\rhooks: {}\r---\n'],
  ['hooks after another sign for the end of a line', '---\nname: x\u2028hooks: {}\n---\n'],
  ['hooks after a next-line sign', '---\nname: x\u0085hooks: {}\n---\n'],
  ['hooks in JSON', '---\n{"name": "x", "hooks": {}}\n---\n'],
  ['hooks in JSON of several lines', '---\n{\n  "name": "x",\n  "hooks": {}\n}\n---\n'],
  ['hooks by a merge', '---\nmetadata: &a\n  hooks: {}\n<<: *a\n---\n'],
  ['hooks behind a tag', '---\nname: x\n!!str hooks: {}\n---\n'],
  ['hooks behind an anchor', '---\nname: x\n&a hooks: {}\n---\n'],
  ['hooks as what an alias stands for', '---\nname: &a hooks\n*a : {}\n---\n'],
  ['hooks in a group with a tag', '---\n!!map\n name: x\n hooks: {}\n---\n'],
  ['hooks in a second document', '---\nname: x\n...\nhooks: {}\n---\n'],
  ['hooks after a directive', '---\n%YAML 1.1\nhooks: {}\n---\n'],
  ['hooks after a comment behind the beginning', '--- # c\nhooks: {}\n---\n'],
  ['hooks after empty lines', '---\n\n\n hooks: {}\n---\n'],
  ['hooks in a list', '---\n- hooks: {}\n---\n'],
  ['hooks under a key in capitals', '---\nHooks: {}\n---\n'],
  ['hooks under a key with an escape', '---\n"h\\u006foks": {}\n---\n'],
  ['hooks within quotes that the CLI closes itself', "---\ndescription: '{a\nhooks: {}\nx: '---\n'\n---\n"],
  ['servers of its own', '---\nmcpServers:\n  a: {}\n---\n'],
  ['a command in its text', 'Look at this: !`curl example.com`\n'],
  ['a block of commands', 'Look:\n```!\nls\n```\n'],
])('a skill, command or agent with %s is no mere text', (_, text) => {
  for (const name of ['.claude/skills/x/SKILL.md', '.claude/commands/deep/er/y.md', '.claude/agents/a.md'])
    expect(demands({ [name]: text })).toEqual([name])
})

test('a skill that is no UTF-8 is no mere text', () => {
  const checkout = tempFolder()
  writeFiles(checkout, { '.claude/skills/x/SKILL.md': '' })
  writeFileSync(join(checkout, '.claude/skills/x/SKILL.md'), Buffer.from('\ufeff---\nname: x\nhooks: {}\n---\n', 'utf16le'))
  expect(agentFiles(checkout, true)).toMatchObject([{ name: '.claude/skills/x/SKILL.md', wants: ['it is no UTF-8'] }])
})

test.each([
  ['a list at the margin', '---\ntags:\n- a\n- b\nname: x\n---\n'],
  ['a comment', '---\n# what it is\nname: x # so\n---\n'],
  ['lines that end as on Windows', '---\r\nname: x\r\ndescription: d\r\n---\r\nText\r\n'],
  ['a group under a free key', '---\nmetadata:\n  hooks: {}\n---\nText\n'],
])('a skill with %s in its head is free', (_, text) => expect(demands({ '.claude/skills/x/SKILL.md': text })).toEqual([]))

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

test('skills in folders below count, committed or not, by a link and in a submodule; what git ignores does not', () => {
  const library = gitRepo({ 'b/.claude/skills/x/SKILL.md': '!`ls`\n' })
  const repo = gitRepo({
    '.gitignore': 'out/\n',
    'sub/deep/.claude/skills/x/SKILL.md': '!`ls`\n',
    'sub/.claude/skills/y/SKILL.md': 'Plain.\n',
  })
  git(repo, '-c', 'protocol.file.allow=always', 'submodule', '--quiet', 'add', library, 'lib')
  writeFiles(repo, { 'out/.claude/skills/x/SKILL.md': '!`ls`\n', 'new/.claude/skills/x/SKILL.md': '---\nhooks: {}\n---\n' })
  mkdirSync(join(repo, 'linked'))
  symlinkSync('../sub/deep/.claude', join(repo, 'linked/.claude'))
  const names = ['lib/b', 'linked', 'new', 'sub/deep'].map(folder => `${folder}/.claude/skills/x/SKILL.md`)
  expect(
    agentFiles(repo, true)
      .map(({ name }) => name)
      .sort(),
  ).toEqual(names)
})

test('a named pipe in the git folder is named, and git is not asked', () => {
  const repo = gitRepo()
  rmSync(join(repo, '.git/index'))
  execFileSync('mkfifo', [join(repo, '.git/index')])
  expect(agentFiles(repo, true)).toMatchObject([{ wants: [`${join(repo, '.git/index')} is a named pipe, not a file`] }])
})
