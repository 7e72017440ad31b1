import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { dirname, join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { readConfig } from '../../../src/config/load.ts'
import { roleInstructions } from '../../../src/config/roles/role-instructions.ts'
import { readPlainFile } from '../../../src/machine/files/plain-file.ts'
import { tempFolder } from '../../support/temp.ts'

function ofOneGigabyte(path: string) {
  writeFileSync(path, '')
  truncateSync(path, 1024 ** 3)
}

/** What can stand in the place of a file, and how it is told. */
const STRANGE: [string, (path: string) => void, RegExp][] = [
  ['a named pipe', path => void execFileSync('mkfifo', [path]), /is a named pipe, not a file/],
  ['a link to a device that never ends', path => symlinkSync('/dev/zero', path), /is a device, not a file/],
  ['a link to a file of the system that waits', path => symlinkSync('/proc/kmsg', path), /cannot be read|is larger/],
  [
    'a link to a file of the system that is larger than it says',
    path => symlinkSync('/proc/self/pagemap', path),
    /is larger|cannot be read/,
  ],
  ['a folder', path => mkdirSync(path), /is a folder, not a file/],
  ['a link to nowhere', path => symlinkSync('nowhere', path), /is a link that leads nowhere/],
  ['a link to itself', path => symlinkSync(path, path), /is a link that leads back to itself/],
  ['a file of a gigabyte', ofOneGigabyte, /is larger than/],
]

const read = async (repo: string) => {
  const { config, problems } = await readConfig({ flags: {}, env: { HEADLESS_PM_HOME: join(repo, '../home') }, cwd: repo })
  return { config, said: problems.map(({ message }) => message), warned: config.warnings }
}

function place() {
  const repo = join(tempFolder(), 'repo')
  mkdirSync(join(repo, '.git'), { recursive: true })
  return repo
}

test.each(STRANGE.filter(([what]) => !/system that waits/.test(what) || existsSync('/proc/kmsg')))(
  '%s in the place of a settings file or of instructions is told in one sentence',
  async (what, make, words) => {
    for (const name of ['agent-runner.yaml', 'agent-runner.yml', '.env']) {
      const repo = place()
      make(join(repo, name))
      const { said, warned } = await read(repo)
      // `.env` is the application's, and a folder of that name a Python environment.
      const [told, silent] = name === '.env' ? [warned, said] : [said, warned]
      if (name === '.env' && what === 'a folder') expect(told).toEqual([])
      else expect(told).toEqual([expect.stringMatching(words)])
      expect(told.join()).toContain(what === 'a folder' && name === '.env' ? '' : join(repo, name))
      expect(silent).toEqual([])
    }
    const repo = place()
    const { config } = await read(repo)
    const path = join(repo, 'team_roles/qa.md')
    mkdirSync(dirname(path))
    make(path)
    expect(() => roleInstructions(config, 'qa')).toThrow(/^[^\n]*qa\.md[^\n]*$/)
  },
)

test('a socket is told', async () => {
  const folder = tempFolder()
  const server = createServer().listen(join(folder, 'socket'))
  onTestFinished(() => void server.close())
  await new Promise(resolve => server.once('listening', resolve))
  expect(readPlainFile(join(folder, 'socket'), 10)).toEqual({ is: 'other', says: 'is a socket, not a file' })
})

test('a file is read once and whole up to the limit, and not beyond', () => {
  const path = join(tempFolder(), 'file')
  expect(readPlainFile(path, 3)).toEqual({ is: 'absent' })
  expect(readPlainFile(join(path, 'below'), 3)).toEqual({ is: 'absent' })
  writeFileSync(path, 'abc')
  expect(readPlainFile(path, 3)).toEqual({ is: 'file', bytes: Buffer.from('abc') })
  expect(readPlainFile(path, 2)).toEqual({ is: 'large', size: 3 })
  expect(readPlainFile(join(path, 'below'), 3)).toEqual({ is: 'absent' })
  rmSync(path)
})
