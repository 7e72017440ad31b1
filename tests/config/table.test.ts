import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { KEYS, setting } from '../../src/config/schema.ts'
import { settingsTable, withSettingsTable } from '../../src/config/table.ts'

test("README's table of settings is the generated one (scripts/settings-table.ts --write brings it up to date)", () => {
  const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8')
  expect(readme).toContain('<!-- settings -->')
  expect(withSettingsTable(readme)).toBe(readme)
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
  const page = withSettingsTable('before\n<!-- settings -->\nold\n<!-- /settings -->\nafter\n')
  expect(page).toMatch(/^before\n<!-- settings -->\n\*\*Who works/)
  expect(page).toMatch(/<!-- \/settings -->\nafter\n$/)
  expect(page).not.toContain('old\n')
  expect(() => withSettingsTable('no markers')).toThrow('lacks')
})
