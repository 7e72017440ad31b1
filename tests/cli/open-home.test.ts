import { chmodSync, mkdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { keysCommand } from '../../src/cli/keys.ts'
import { serverCommand } from '../../src/cli/server.ts'
import { taskCommand } from '../../src/cli/task.ts'
import { gitRepo } from '../support/git-repo.ts'
import { tempFolder } from '../support/temp.ts'
import { capture } from './capture.ts'

const mode = (path: string) => statSync(path).mode & 0o777

describe.each([
  ['task', taskCommand, ['task', 'add', '--title', 'one', '--role', 'qa']],
  ['keys', keysCommand, ['keys', 'create', '--kind', 'admin']],
  // It opens its state folder before it finds that it cannot listen there.
  ['server', serverCommand, ['server', '--host', '192.0.2.1']],
] as const)('%s', (_name, declare, words) => {
  const run = (home: string) => capture(declare, [...words], { cwd: gitRepo(), env: { HEADLESS_PM_HOME: home } })

  test('makes its state folder for its owner alone, as a runner does', async () => {
    const home = join(tempFolder(), 'state')
    await run(home).catch(() => {})
    for (const path of [home, join(home, 'locks'), join(home, 'runs')]) expect([path, mode(path)]).toEqual([path, 0o700])
    expect(mode(join(home, 'agent-runner.db'))).toBe(0o600)
  })

  test('takes the right to write from others, and refuses what is no folder', async () => {
    const home = tempFolder()
    chmodSync(home, 0o777)
    const { err } = await run(home).catch(() => ({ err: null }))
    expect(mode(home)).toBe(0o700)
    if (err !== null) expect(err).toContain('others could write to')
    const file = join(tempFolder(), 'file')
    mkdirSync(join(file, '..'), { recursive: true })
    writeFileSync(file, '')
    await expect(run(file)).rejects.toMatchObject({ code: 'STATE_UNUSABLE' })
  })
})
