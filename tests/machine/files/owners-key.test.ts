import { chmodSync, existsSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { dropOwnersKey, keepOwnersKey, ownersKey, ownersKeyFile } from '../../../src/machine/files/owners-key.ts'
import { tempFolder } from '../../support/temp.ts'

const HERE = '127.0.0.1:8000'

test('is kept for its owner alone, and found for the very address that it opens', () => {
  const home = tempFolder()
  const file = keepOwnersKey(home, HERE, 'ar_owner_x')
  expect(statSync(file).mode & 0o777).toBe(0o600)
  expect(ownersKey(home, HERE)).toBe('ar_owner_x')
  for (const address of ['127.0.0.1:8001', '[::1]:8000', 'localhost:8000', '127.0.0.2:8000']) expect(ownersKey(home, address)).toBeNull()
})

test('goes with its server, but not with an older one of the same address', () => {
  const home = tempFolder()
  keepOwnersKey(home, HERE, 'ar_owner_old')
  keepOwnersKey(home, HERE, 'ar_owner_new')
  dropOwnersKey(home, HERE, 'ar_owner_old')
  expect(ownersKey(home, HERE)).toBe('ar_owner_new')
  dropOwnersKey(home, HERE, 'ar_owner_new')
  expect([existsSync(ownersKeyFile(home, HERE)), ownersKey(home, HERE)]).toEqual([false, null])
})

test('is not used when others can read it, or somebody put a link there', () => {
  const home = tempFolder()
  const file = keepOwnersKey(home, HERE, 'ar_owner_x')
  chmodSync(file, 0o640)
  expect(() => ownersKey(home, HERE)).toThrow(/not a file of yours alone/)
  const target = join(home, 'target')
  writeFileSync(target, 'Authorization: Bearer ar_owner_y\n', { mode: 0o600 })
  symlinkSync(target, ownersKeyFile(home, '127.0.0.1:1'))
  expect(() => ownersKey(home, '127.0.0.1:1')).toThrow(/not a file of yours alone/)
})
