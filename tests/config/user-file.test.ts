import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readUserFile, userFilePath, writeUserFile } from '../../src/config/user-file.ts'
import { tempFolder } from '../support/temp.ts'

const mode = (path: string) => statSync(path).mode & 0o777

test('what was set is read again, and what was unset is gone', async () => {
  const home = join(tempFolder(), 'home')
  await writeUserFile(home, { set: { claudeTimeout: 9, 'models.junior': 'haiku', apiKey: 'k' } })
  const found = readUserFile(home, [])
  expect(found.get('claudeTimeout')?.raw).toBe(9)
  expect(found.get('models.junior')?.raw).toBe('haiku')
  await writeUserFile(home, { unset: ['models.junior'] })
  expect([...readUserFile(home, []).keys()]).toEqual(['claudeTimeout', 'apiKey'])
})

test('the file and its folder are for their owner alone, also when they were open before', async () => {
  const home = join(tempFolder(), 'home')
  mkdirSync(home, { mode: 0o755 })
  writeFileSync(userFilePath(home), '{}', { mode: 0o644 })
  await writeUserFile(home, { set: { apiKey: 'k' } })
  expect(mode(userFilePath(home))).toBe(0o600)
  expect(mode(home)).toBe(0o700)
  expect(JSON.parse(readFileSync(userFilePath(home), 'utf8'))).toEqual({ apiKey: 'k' })
})
