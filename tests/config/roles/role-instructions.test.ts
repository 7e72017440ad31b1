import { mkdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { roleInstructions } from '../../../src/config/roles/role-instructions.ts'
import { KNOWN_ROLES } from '../../../src/core/task.ts'
import { writeFiles } from '../../support/git-repo.ts'
import { tempFolder } from '../../support/temp.ts'

function places(files: Record<string, string>, roleInstructionsDir: string | null = null) {
  const root = tempFolder()
  writeFiles(root, files)
  const values = {
    repo: join(root, 'repo'),
    home: join(root, 'home'),
    roleInstructionsDir: roleInstructionsDir && join(root, roleInstructionsDir),
  }
  return { root, config: { values } as Parameters<typeof roleInstructions>[0] }
}

const ORDER = [
  'given/qa.md',
  'repo/team_roles/qa.md',
  'repo/agent_instructions/qa.md',
  'repo/headless_pm/team_roles/qa.md',
  'repo/headless_pm/agent_instructions/qa.md',
  'repo/headless_pm/qa.md',
  'repo/agents/team_roles/qa.md',
  'repo/agents/agent_instructions/qa.md',
  'repo/agents/qa.md',
  'repo/agents/client/team_roles/qa.md',
  'repo/agents/client/agent_instructions/qa.md',
  'repo/agents/client/qa.md',
  'home/team_roles/qa.md',
  'home/agent_instructions/qa.md',
]

test('each usual place is looked at, nearest first', () => {
  for (let i = 0; i < ORDER.length; i++) {
    const there = ORDER.slice(i)
    const { root, config } = places(Object.fromEntries(there.map(path => [path, `from ${path}`])), 'given')
    expect(roleInstructions(config, 'qa')).toEqual({ text: `from ${there[0]}\n`, path: join(root, there[0] ?? '') })
  }
})

test('a file in the root of the repository that only looks like one is left alone', () => {
  expect(roleInstructions(places({ 'repo/qa.md': 'notes' }).config, 'qa').path).toBeNull()
})

test('without a file every known role has a text of its own, and an unknown one a general text', () => {
  const { config } = places({ 'repo/team_roles/qa.md': ' \n' })
  const texts = KNOWN_ROLES.map(role => roleInstructions(config, role))
  expect(new Set(texts.map(text => text.text)).size).toBe(KNOWN_ROLES.length)
  for (const { text, path } of [...texts, roleInstructions(config, 'data_engineer'), roleInstructions(config, 'constructor')]) {
    expect(path).toBeNull()
    expect(text).toMatch(/^You are .{4,60}\.\n\n.{500,}$/s)
  }
  expect(roleInstructions(config, 'data_engineer').text).toContain('the data engineer of a team')
})

test('a role that is a path is refused', () => {
  const { config } = places({ 'repo/secret.md': 'x' })
  for (const role of ['../secret', '..', 'a/b', '', 'QA', '__proto__'])
    expect(() => roleInstructions(config, role)).toThrow("is not a role's name")
})

test('a file that is larger than instructions may be is refused and named, and not read', () => {
  const { config } = places({ 'repo/team_roles/qa.md': 'x'.repeat(300_000) })
  expect(() => roleInstructions(config, 'qa')).toThrow(/team_roles\/qa\.md is larger than 256 KiB/)
})

test('a link in any role folder of the repository is not read when it leads out, be it the file or the folder', () => {
  for (const place of ORDER.filter(path => path.startsWith('repo/'))) {
    const { root, config } = places({ 'private/qa.md': 'private', 'repo/readme': '' })
    mkdirSync(join(root, place, '..'), { recursive: true })
    symlinkSync(join(root, 'private/qa.md'), join(root, place))
    expect(() => roleInstructions(config, 'qa')).toThrow('leads out of the repository')
  }
  const { root, config } = places({ 'private/qa.md': 'private', 'repo/readme': '' })
  symlinkSync(join(root, 'private'), join(root, 'repo/team_roles'))
  expect(() => roleInstructions(config, 'qa')).toThrow('leads out of the repository')
})

test('a link that stays in the repository is read', () => {
  const { root, config } = places({ 'repo/docs/qa.md': 'inside', 'repo/team_roles/readme': '' })
  symlinkSync('../docs/qa.md', join(root, 'repo/team_roles/qa.md'))
  expect(roleInstructions(config, 'qa').text).toBe('inside\n')
})
