import { readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { machineName } from '../../../src/machine/locks/machine-name.ts'
import { tempFolder } from '../../support/temp.ts'

test('a state folder has a name that stays, and another one has another', () => {
  const home = join(tempFolder(), 'new')
  const name = machineName(home)
  expect(machineName(home)).toBe(name)
  expect(machineName(tempFolder())).not.toBe(name)
  expect(statSync(join(home, 'machine')).mode & 0o777).toBe(0o600)
  expect(readdirSync(home)).toEqual(['machine'])
})

test('what is no name is replaced by one', () => {
  const home = tempFolder()
  writeFileSync(join(home, 'machine'), '')
  const name = machineName(home)
  expect(name).toMatch(/^[0-9a-f]{32}$/)
  expect(machineName(home)).toBe(name)
})
