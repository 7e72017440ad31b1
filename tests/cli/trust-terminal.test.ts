import { existsSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { describe, expect, test } from 'vitest'
import { gitRepo, writeFiles } from '../support/git-repo.ts'
import { hasTerminals, onTerminal } from '../support/on-terminal.ts'
import { SELF } from '../support/program.ts'
import { tempFolder } from '../support/temp.ts'
import { waitFor } from '../support/wait-for.ts'

const QUESTION = /Do you trust/
const CTRL_C = '\x03'
const CTRL_D = '\x04'

/** A clone that asks for a setting and a hook, and a user at a terminal. */
function desk(columns: number) {
  const folder = tempFolder()
  const repo = gitRepo(
    { 'agent-runner.yaml': 'role: qa\nhookTimeout: 5\nminFreeDisk: 1\n', 'hooks/pre_task': 'x', 'hooks/lib/tool.sh': 'x' },
    join(folder, 'repo'),
  )
  const home = join(folder, 'home')
  const env = { PATH: process.env.PATH, HOME: folder, TERM: 'xterm', HEADLESS_PM_HOME: home, NO_COLOR: '1' }
  const start = (...words: string[]) => {
    const { screen, ...terminal } = onTerminal([...SELF, ...words], { columns, env, cwd: repo, keys: true })
    const seen = () => stripVTControlCharacters(screen())
    return { ...terminal, seen, asked: () => waitFor('the question', () => QUESTION.test(seen())) }
  }
  const trusted = () => (existsSync(join(home, 'trusted')) ? readdirSync(join(home, 'trusted')).length : 0)
  return { repo, start, trusted }
}

const dryRun = ['--role', 'backend_dev', '--agent-id', 'dev_001', '--dry-run']
const NOTHING_TO_DO = 14

describe.runIf(hasTerminals())('on a terminal', () => {
  test.each([0, 40])('of %i columns the user is asked once; after a yes nobody asks until a file changes', async columns => {
    const { repo, start, trusted } = desk(columns)
    const first = start(...dryRun)
    await first.asked()
    first.type('y\r')
    expect(await first.exit, first.seen()).toBe(NOTHING_TO_DO)
    expect(trusted()).toBe(1)

    const again = start(...dryRun)
    expect(await again.exit, again.seen()).toBe(NOTHING_TO_DO)
    expect(again.seen()).not.toMatch(QUESTION)

    writeFiles(repo, { 'hooks/lib/tool.sh': 'y' })
    const changed = start(...dryRun)
    await changed.asked()
    expect(changed.seen().replace(/\s+/g, ' ')).toContain(columns > 20 ? 'hooks/lib/tool.sh has changed' : '')
    changed.type('y\r')
    expect(await changed.exit, changed.seen()).toBe(NOTHING_TO_DO)
  })

  test('the question names the repository, the settings with their lines, what is run, and the files', async () => {
    const { repo, start } = desk(200)
    const { asked, seen, type, exit } = start('trust')
    await asked()
    const shown = seen().replace(/\s+/g, ' ')
    for (const words of [
      `${repo} is not trusted; it asks for:`,
      '• minFreeDisk = 1 (agent-runner.yaml line 3)',
      '• hooks/pre_task is run',
      'Trust covers these files as they are now: agent-runner.yaml, hooks/',
      'hooks/lib/tool.sh',
    ])
      expect(shown).toContain(words)
    expect(shown).not.toContain('hookTimeout')
    type('y\r')
    expect(await exit).toBe(0)
  })

  test.each([
    ['no', 'n\r', 78, 12],
    ['the return key alone', '\r', 78, 12],
    ['Ctrl-C', CTRL_C, 12, 12],
    ['Ctrl-D', CTRL_D, 12, 12],
  ])('%s trusts nothing and begins nothing', async (_, keys, codeOfRun, codeOfTrust) => {
    const { start, trusted } = desk(40)
    for (const [words, code] of [
      [dryRun, codeOfRun],
      [['trust'], codeOfTrust],
    ] as const) {
      const { asked, type, exit, seen } = start(...words)
      await asked()
      type(keys)
      expect(await exit, seen()).toBe(code)
    }
    expect(trusted()).toBe(0)
  })

  test('a file that changes while the user thinks about it is not trusted', async () => {
    const { repo, start } = desk(80)
    const { asked, type, exit, seen } = start(...dryRun)
    await asked()
    writeFiles(repo, { 'hooks/pre_task': 'something else' })
    type('y\r')
    expect(await exit, seen()).toBe(78)
    expect(seen().replace(/\s+/g, ' ')).toContain('hooks/pre_task has changed')
  })

  test('a repository that is gone meanwhile is told', async () => {
    const { repo, start } = desk(80)
    const { asked, type, exit } = start('trust')
    await asked()
    rmSync(repo, { recursive: true })
    type('n\r')
    expect(await exit).toBe(12)
  })
})
