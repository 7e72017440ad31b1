import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readUserFile, unsetInUserFile, userFilePath, writeUserFile } from '../../../src/config/sources/user-file.ts'
import { tempFolder } from '../../support/temp.ts'

const mode = (path: string) => statSync(path).mode & 0o777

test('what was set is read again, and what was unset is gone', async () => {
  const home = join(tempFolder(), 'home')
  await writeUserFile(home, { claudeTimeout: 9, 'models.junior': 'haiku', apiKey: 'k' })
  const found = readUserFile(home, [])
  expect(found.get('claudeTimeout')?.raw).toBe(9)
  expect(found.get('models.junior')?.raw).toBe('haiku')
  expect(await unsetInUserFile(home, 'models.junior')).toBe(true)
  expect(await unsetInUserFile(home, 'models.junior')).toBe(false)
  expect([...readUserFile(home, []).keys()]).toEqual(['claudeTimeout', 'apiKey'])
})

test('the file is for its owner alone, also when it was open before', async () => {
  const home = join(tempFolder(), 'home')
  mkdirSync(home, { mode: 0o755 })
  writeFileSync(userFilePath(home), '{}', { mode: 0o644 })
  await writeUserFile(home, { apiKey: 'k' })
  expect(mode(userFilePath(home))).toBe(0o600)
  expect(JSON.parse(readFileSync(userFilePath(home), 'utf8'))).toEqual({ apiKey: 'k' })
})

test('a new state folder is for its owner alone', async () => {
  const home = join(tempFolder(), 'home')
  await writeUserFile(home, { level: 'junior' })
  expect(mode(home)).toBe(0o700)
})

test('a dotted key that a person wrote is replaced and removed like a group', async () => {
  const home = tempFolder()
  writeFileSync(userFilePath(home), '{"models.junior": "haiku", "odd": 1}')
  await writeUserFile(home, { 'models.junior': 'opus' })
  expect(JSON.parse(readFileSync(userFilePath(home), 'utf8'))).toEqual({ models: { junior: 'opus' }, odd: 1 })
  expect(await unsetInUserFile(home, 'odd')).toBe(true)
})

test('removing from a file that is not there makes none', async () => {
  const home = join(tempFolder(), 'home')
  expect(await unsetInUserFile(home, 'level')).toBe(false)
  expect(existsSync(home)).toBe(false)
})
