import { execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, chownSync, mkdirSync, rmSync, statfsSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { lookAtStateFolder, openStateFolder } from '../../../src/machine/locks/state-folder.ts'
import { canMount, mountTmpfs } from '../../support/mounted.ts'
import { HANGS_MS } from '../../support/patience.ts'
import { MAIN, SELF } from '../../support/program.ts'
import { tempFolder } from '../../support/temp.ts'

const mode = (path: string) => statSync(path).mode & 0o7777
const isRoot = process.getuid?.() === 0

test('a new state folder is made private, with its parents, and opening it again changes nothing', () => {
  const home = join(tempFolder(), 'new/state')
  expect(openStateFolder(home, SELF)).toEqual([])
  for (const path of [home, join(home, 'locks'), join(home, 'runs')]) expect(mode(path)).toBe(0o700)
  expect(openStateFolder(home, SELF)).toEqual([])
})

test('folders of ours that others can write to are made private, and it says so', () => {
  const home = tempFolder()
  mkdirSync(join(home, 'locks'))
  mkdirSync(join(home, 'runs'))
  chmodSync(home, 0o755)
  chmodSync(join(home, 'locks'), 0o777)
  chmodSync(join(home, 'runs'), 0o720)
  const changed = openStateFolder(home, SELF)
  expect(changed).toHaveLength(2)
  expect(changed[0]).toContain(`${join(home, 'locks')} (mode 0777)`)
  expect([mode(home), mode(join(home, 'locks')), mode(join(home, 'runs'))]).toEqual([0o755, 0o700, 0o700])
})

test('a file in its place, or in the place of a part of it, is refused by name', () => {
  const root = tempFolder()
  writeFileSync(join(root, 'file'), '')
  const home = join(root, 'state')
  mkdirSync(home)
  writeFileSync(join(home, 'locks'), '')
  for (const [at, named] of [
    [join(root, 'file'), join(root, 'file')],
    [join(root, 'file/below'), join(root, 'file')],
    [home, join(home, 'locks')],
  ] as const)
    expect(() => openStateFolder(at, SELF)).toThrow(
      expect.objectContaining({ code: 'STATE_UNUSABLE', message: expect.stringContaining(named) }),
    )
})

test.runIf(isRoot)('a folder of another user is refused, also by root', () => {
  const home = tempFolder()
  chownSync(home, 12_345, 12_345)
  const refused = expect.objectContaining({ code: 'STATE_UNUSABLE', message: expect.stringContaining('another user (uid 12345)') })
  expect(() => openStateFolder(home, SELF)).toThrow(refused)
  expect(mode(home)).toBe(0o700)
})

test.skipIf(isRoot)('a folder that its owner cannot write to is refused', () => {
  const home = tempFolder()
  chmodSync(home, 0o500)
  expect(() => openStateFolder(home, SELF)).toThrow(expect.objectContaining({ code: 'STATE_UNUSABLE' }))
  chmodSync(home, 0o700)
})

test.runIf(canMount())('a read-only file system is refused', () => {
  const home = join(tempFolder(), 'state')
  mountTmpfs(home, 'size=256k')
  openStateFolder(home, SELF)
  execFileSync('mount', ['-o', 'remount,ro', home])
  const refused = expect.objectContaining({ code: 'STATE_UNUSABLE', message: expect.stringContaining('read-only file system') })
  expect(() => openStateFolder(home, SELF)).toThrow(refused)
  expect(() => openStateFolder(join(home, 'new/state'), SELF)).toThrow(refused)
  expect(lookAtStateFolder(join(home, 'new/state')).refusal).toContain(`${home} is on a read-only file system`)
})

test.runIf(process.platform === 'linux')('a place where the system lets no folder be made is refused at once', () => {
  const module = join(import.meta.dirname, '../../../src/machine/locks/state-folder.ts')
  const program = `import(${JSON.stringify(module)}).then(({ openStateFolder }) => openStateFolder('/proc/nowhere/state', []))`
  const { status, stderr } = spawnSync(process.execPath, ['-e', program], { timeout: HANGS_MS, encoding: 'utf8' })
  expect(status).toBe(1)
  expect(stderr).toContain('the state folder /proc/nowhere/state cannot be')
})

test.runIf(canMount())('a disk without room for another byte, or another file, is refused until there is room', () => {
  const root = tempFolder()
  const [full, crowded] = [join(root, 'full'), join(root, 'crowded')]
  mountTmpfs(full, 'size=64k')
  openStateFolder(full, SELF)
  expect(() => writeFileSync(join(full, 'filler'), Buffer.alloc(1024 ** 2))).toThrow('ENOSPC')
  expect(() => openStateFolder(full, SELF)).toThrow(`no space is left on the disk of ${full}`)
  rmSync(join(full, 'filler'))
  expect(openStateFolder(full, SELF)).toEqual([])

  mountTmpfs(crowded, 'nr_inodes=3')
  expect(() => openStateFolder(crowded, SELF)).toThrow(`no more files fit on the disk of ${crowded}`)
})

test('on a file system that comes from elsewhere a lock is tried before it is trusted', () => {
  const home = tempFolder()
  const here = new Map([[statfsSync(home).type >>> 0, 'a far disk']])
  expect(lookAtStateFolder(home, here).foreign).toBe('a far disk')
  expect(openStateFolder(home, SELF, here)).toEqual([])
  const lawless = [process.execPath, new URL('../../support/lawless-lock.ts', import.meta.url).pathname]
  const refused = {
    code: 'STATE_UNUSABLE',
    message: `the state folder ${home} is on a far disk, where locks do not work: two processes could take the same lock`,
  }
  expect(() => openStateFolder(home, lawless, here)).toThrow(expect.objectContaining(refused))
})

test('a link to a folder is as good as the folder', () => {
  const root = tempFolder()
  mkdirSync(join(root, 'disk'), { mode: 0o700 })
  symlinkSync(join(root, 'disk'), join(root, 'state'))
  expect(openStateFolder(join(root, 'state'), SELF)).toEqual([])
})

test('a run on an unusable state folder ends with 73, one line and what to do', () => {
  const root = tempFolder()
  writeFileSync(join(root, 'file'), '')
  const run = spawnSync(process.execPath, [MAIN, '--role', 'qa', '--agent-id', 'qa_001', '--single-task'], {
    cwd: root,
    env: { PATH: process.env.PATH, HOME: root, HEADLESS_PM_HOME: join(root, 'file') },
    encoding: 'utf8',
  })
  expect(run.status).toBe(73)
  expect(run.stderr.split('\n')).toHaveLength(3)
  expect(run.stderr).toContain(`${join(root, 'file')} is not a folder`)
  expect(run.stderr).toContain('HEADLESS_PM_HOME')
  expect(run.stdout).toBe('')
})
