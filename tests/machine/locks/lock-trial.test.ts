import { readdirSync } from 'node:fs'
import { expect, test } from 'vitest'
import { tryLocks } from '../../../src/machine/locks/lock-trial.ts'
import { SELF } from '../../support/program.ts'
import { tempFolder } from '../../support/temp.ts'

const LAWLESS = [process.execPath, new URL('../../support/lawless-lock.ts', import.meta.url).pathname]

test('on an ordinary disk a lock keeps a second process out, and the trial leaves nothing behind', () => {
  const folder = tempFolder()
  expect(tryLocks(folder, SELF)).toMatchObject({ hold: true })
  expect(readdirSync(folder)).toEqual([])
})

test('locks that keep nobody out are noticed', () => {
  const folder = tempFolder()
  expect(tryLocks(folder, LAWLESS)).toEqual({ hold: false, says: 'two processes could take the same lock' })
  expect(readdirSync(folder)).toEqual([])
})

test('a trial that cannot be made proves nothing', () => {
  expect(tryLocks(tempFolder(), ['/nowhere/agent-runner'])).toMatchObject({ hold: false, says: expect.stringContaining('ENOENT') })
  expect(tryLocks('/nowhere', SELF)).toMatchObject({ hold: false, says: expect.stringContaining('cannot open the lock') })
})
