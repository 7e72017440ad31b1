import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { findClaude } from '../../../src/agents/claude/claude-discovery.ts'
import { tempFolder } from '../../support/temp.ts'

function program(path: string, mode = 0o755): string {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, '#!/bin/sh\n')
  chmodSync(path, mode)
  return path
}

test('PATH goes before the usual places, in its own order', () => {
  const home = tempFolder()
  const local = program(join(home, '.claude/local/claude'))
  const second = program(join(home, 'b/claude'))
  expect(findClaude({ configured: null, home, env: { PATH: `${home}/a:${home}/b` } })).toBe(second)
  const first = program(join(home, 'a/claude'))
  expect(findClaude({ configured: null, home, env: { PATH: `${home}/a:${home}/b` } })).toBe(first)
  expect(findClaude({ configured: null, home, env: {} })).toBe(local)
})

test.each(['.claude/local', '.claude/bin', '.local/bin', '.npm-global/bin'])('is found in ~/%s', folder => {
  const home = tempFolder()
  const path = program(join(home, folder, 'claude-of-this-test'))
  expect(findClaude({ configured: 'claude-of-this-test', home, env: { PATH: '' } })).toBe(path)
})

test("is found in npm's global folder, wherever that was moved", () => {
  const home = tempFolder()
  const path = program(join(home, 'globals/bin/claude-of-this-test'))
  const find = (env: NodeJS.ProcessEnv) => findClaude({ configured: 'claude-of-this-test', home, env })
  expect(find({ NPM_CONFIG_PREFIX: join(home, 'globals') })).toBe(path)
  writeFileSync(join(home, '.npmrc'), 'registry=https://example.com/\nprefix = ~/globals\n')
  expect(find({})).toBe(path)
})

test('what cannot be executed is passed over', () => {
  const home = tempFolder()
  program(join(home, 'a/claude'), 0o644)
  mkdirSync(join(home, 'b/claude'), { recursive: true })
  const real = program(join(home, 'c/claude'))
  expect(findClaude({ configured: null, home, env: { PATH: `${home}/a:${home}/b:${home}/c` } })).toBe(real)
})

test('what is configured is taken and nothing else; when it is not there, the error names it', () => {
  const home = tempFolder()
  program(join(home, 'a/claude'))
  const mine = program(join(home, 'tools/my-claude'))
  const env = { PATH: join(home, 'a') }
  expect(findClaude({ configured: mine, home, env })).toBe(mine)
  expect(findClaude({ configured: '~/tools/my-claude', home, env })).toBe(mine)
  expect(() => findClaude({ configured: join(home, 'tools/gone'), home, env })).toThrow(join(home, 'tools/gone'))
  expect(() => findClaude({ configured: 'no-such-claude', home, env })).toThrow(
    expect.objectContaining({ code: 'AGENT_CLI_MISSING', message: expect.stringContaining('no-such-claude') }),
  )
})
