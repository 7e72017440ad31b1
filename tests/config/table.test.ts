import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { KEYS, setting } from '../../src/config/schema.ts'
import { settingsTable, withTables } from '../../src/config/table.ts'
import { LIMITS } from '../../src/core/limits.ts'

test("README's tables of settings and limits are the generated ones (scripts/settings-table.ts --write brings it up to date)", () => {
  const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8')
  expect(readme).toContain('<!-- settings -->')
  for (const { of } of Object.values(LIMITS)) expect(readme).toContain(`| ${of} |`)
  expect(withTables(readme)).toBe(readme)
})

test('the table shows every setting with its flag and all its environment names', () => {
  const lines = settingsTable().split('\n')
  for (const key of KEYS) {
    const line = lines.find(text => text.startsWith(`| \`${key}\` |`)) ?? ''
    for (const name of setting(key).env) expect(line).toContain(`\`${name}\``)
    expect(line.split(/(?<!\\)\|/)).toHaveLength(8)
  }
})

test('only what is between the markers is replaced', () => {
  const page = withTables('before\n<!-- settings -->\nold\n<!-- /settings -->\nafter\n', ['settings'])
  expect(page).toMatch(/^before\n<!-- settings -->\n\*\*Who works/)
  expect(page).toMatch(/<!-- \/settings -->\nafter\n$/)
  expect(page).not.toContain('old\n')
  expect(() => withTables('no markers')).toThrow('lacks')
})
