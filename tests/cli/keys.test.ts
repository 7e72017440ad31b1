import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openControlPlane } from '../../src/board/control-plane.ts'
import { keysCommand } from '../../src/cli/keys.ts'
import { tempFolder } from '../support/temp.ts'
import { capture } from './capture.ts'

/** A state folder; `run` calls `keys …` on it. */
function desk() {
  const home = join(tempFolder(), 'state')
  const run = (...args: string[]) => capture(keysCommand, ['keys', ...args], { cwd: tempFolder(), env: { HEADLESS_PM_HOME: home } })
  return { home, run, json: async (...args: string[]) => JSON.parse((await run(...args, '--json')).out) }
}

test('a key stands alone on stdout, opens what it is for, and is never shown again', async () => {
  const { home, run, json } = desk()
  const made = await run('create', '--kind', 'worker', '--customer', 'acme', '--name', 'build-1')
  expect(made.out).toMatch(/^ar_[0-9a-f]{12}_\S{43}\n$/)
  const key = made.out.trim()
  const plane = await openControlPlane(join(home, 'agent-runner.db'))
  expect(await plane.keys.verify(key)).toMatchObject({ kind: 'worker', customer: 'acme', name: 'build-1' })
  await plane.close()
  const listed = await run('list')
  expect(listed.out).toContain('build-1')
  expect(listed.out + JSON.stringify(await json('list')) + made.err).not.toContain(key.slice(20))
})

test('whose key it is when nothing is said: an admin sees all, a worker those without a customer', async () => {
  const { json } = desk()
  expect((await json('create', '--kind', 'admin')).customer).toBeNull()
  expect((await json('create', '--kind', 'worker')).customer).toBe('')
})

test('a revoked key opens nothing, and is listed as revoked', async () => {
  const { home, run, json } = desk()
  const { id, key, prefix } = await json('create', '--kind', 'read')
  expect((await run('revoke', prefix)).out).toBe(`revoked ${id} (${prefix}…)\n`)
  expect((await json('list'))[0]).toMatchObject({ id, revokedAt: expect.any(String) })
  const plane = await openControlPlane(join(home, 'agent-runner.db'))
  expect(await plane.keys.verify(key)).toBeNull()
  await plane.close()
  await expect(run('revoke', 'key_none')).rejects.toMatchObject({ code: 'NOT_FOUND' })
})

test('an unknown kind, and none at all, are refused', async () => {
  const { run } = desk()
  await expect(run('create', '--kind', 'owner')).rejects.toThrow('Allowed choices are admin, worker, read')
  await expect(run('create')).rejects.toThrow('--kind')
})
