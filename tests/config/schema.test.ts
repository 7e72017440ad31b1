import { expect, test } from 'vitest'
import * as z from 'zod'
import { flagAttribute, flagName, isKey, KEYS, setting, TOPICS } from '../../src/config/schema.ts'
import { envNames } from '../../src/config/setting.ts'

test('every setting has an environment name, a default, a sentence, and a flag unless it is a secret or a structure', () => {
  for (const key of KEYS) {
    const row = setting(key)
    expect(row.env.length, key).toBeGreaterThan(0)
    expect(row, key).toHaveProperty('default')
    expect(row.says, key).toMatch(/^[A-Z{].{10,}\.$/)
    const flag = row.flagMeans === undefined ? /^--[a-z-]+ <[a-z]+>$/ : /^(--no-[a-z-]+|-v, --verbose)$/
    if (!row.secret && key !== 'roles') expect(row.flag, key).toMatch(flag)
  }
})

test('no flag and no environment name means two settings', () => {
  const flags = KEYS.map(flagName).filter(name => name !== null)
  const names = KEYS.flatMap(key => setting(key).env)
  expect(new Set(flags).size).toBe(flags.length)
  expect(new Set(names).size).toBe(names.length)
})

test('every default is accepted by its own schema', () => {
  for (const key of KEYS) {
    const row = setting(key)
    if (row.default !== null) expect(row.schema(z).safeParse(row.default).success, key).toBe(true)
  }
})

test('a choice shows exactly the words that its schema accepts', () => {
  for (const key of KEYS) {
    const row = setting(key)
    if (row.kind !== 'choice') continue
    for (const word of row.choices ?? []) expect(row.schema(z).safeParse(word).success, `${key} ${word}`).toBe(true)
    expect(row.schema(z).safeParse('something-else').success, key).toBe(false)
  }
})

test('no setting is nullable by its schema, so that null always means: not set', () => {
  for (const key of KEYS) expect(setting(key).schema(z).safeParse(null).success, key).toBe(false)
})

test('the topics hold every setting once', () => {
  expect(TOPICS.flatMap(topic => topic.keys)).toEqual(KEYS)
})

test('the names that users have are there, with their defaults', () => {
  const byName = (name: string) => KEYS.map(setting).find(row => row.env.includes(name))
  expect(envNames(byName('HEADLESS_PM_API_KEY')!)).toEqual(['HEADLESS_PM_API_KEY', 'API_KEY_HEADLESS_PM', 'API_KEY'])
  expect(byName('HEADLESS_PM_API_URL')?.default).toBe('http://localhost:6969')
  expect(byName('HEADLESS_PM_WORKTREE_BASE')?.default).toBe('.worktrees')
  expect(byName('HEADLESS_PM_HOOK_TIMEOUT')?.default).toBe(30)
  expect(byName('HEADLESS_PM_CLAUDE_TIMEOUT')?.default).toBe(600)
  expect(byName('HEADLESS_PM_HEALTH_CHECK_INTERVAL')?.default).toBe(300)
  expect(byName('HEADLESS_PM_TASK_CHECK_INTERVAL')?.default).toBe(30)
  expect(byName('HEADLESS_PM_HOME')?.default).toBe('~/.headless-pm')
})

test('a flag is found under the name that commander gives it', () => {
  expect(flagAttribute('agentId')).toBe('agentId')
  expect(flagAttribute('models.junior')).toBe('modelJunior')
  expect(flagAttribute('apiKey')).toBeNull()
  expect(flagAttribute('sendDiff')).toBe('diff')
  expect(isKey('constructor')).toBe(false)
})
