import { spawnSync } from 'node:child_process'
import { chmodSync, chownSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { RESULT_LINE, speakingAgent } from '../support/agent-program.ts'
import { gitRepo } from '../support/git-repo.ts'
import { HANGS_MS, TEST_HANGS_MS } from '../support/patience.ts'
import { MAIN, SELF } from '../support/program.ts'
import { tempFolder } from '../support/temp.ts'

const RUN = ['--role', 'backend_dev', '--agent-id', 'dev_001', '--single-task']
/** Nobody's number in the list of users. */
const NOBODY = 54_321
const AS_NOBODY = ['setpriv', '--reuid', `${NOBODY}`, '--regid', `${NOBODY}`, '--clear-groups']
/** Whether we may be that user, who can read this program. */
const canBeNobody = () => spawnSync('setpriv', [...AS_NOBODY.slice(1), 'test', '-r', MAIN]).status === 0

/** A repository, an agent that does its task, and a shell that starts this program, as some user and with some words before. */
function stage({ user = [] as string[], env: more = {} as NodeJS.ProcessEnv } = {}) {
  const root = tempFolder()
  const repo = gitRepo({ 'README.md': '# demo\n' }, join(root, 'repo'))
  const env = {
    ...{ PATH: process.env.PATH, HOME: root, GIT_CONFIG_GLOBAL: '/dev/null', HEADLESS_PM_HOME: join(root, 'state') },
    HEADLESS_PM_CLAUDE_COMMAND: speakingAgent(root, `cat > /dev/null; echo done > work.txt; echo '${RESULT_LINE}'`),
    ...more,
  }
  const call = (shell: string, words: string[]) => {
    const [file = '', ...args] = [...user, '/bin/bash', '-c', `${shell} exec "$@"`, 'sh', ...SELF, ...words]
    const { status, stderr, stdout } = spawnSync(file, args, { cwd: repo, env, timeout: HANGS_MS, encoding: 'utf8' })
    return { status, said: stdout + stderr }
  }
  return { root, repo, call }
}

test('too few open files end a run, a server and all lanes with 71 and the number, and the task waits', { timeout: TEST_HANGS_MS }, () => {
  const { call } = stage()
  expect(call('', ['task', 'add', '--title', 'one', '--role', 'backend_dev']).status).toBe(0)
  for (const [files, command] of [
    [32, RUN],
    [63, RUN],
    [40, ['server', '--port', '0']],
    [63, ['up', '--port', '0']],
  ] as const) {
    const { status, said } = call(`ulimit -n ${files};`, [...command])
    expect({ files, command: command[0], status }).toEqual({ files, command: command[0], status: 71 })
    expect(said).toContain(`this process may have ${files} open files, and needs 64`)
    expect(said).not.toMatch(/^\s+at /m)
  }
  expect(call('', ['task', 'list']).said).toMatch(/\tcreated\t/)
  expect(call('ulimit -n 64;', RUN).status).toBe(0)
  expect(call('', ['task', 'list']).said).toMatch(/\tdev_done\t/)
})

test.skipIf(!canBeNobody())(
  'too few processes for a user who is not root end a run with 71 and the number',
  { timeout: TEST_HANGS_MS },
  () => {
    const { call, repo, root } = stage({ user: AS_NOBODY })
    for (const folder of [root, repo]) chmodSync(folder, 0o777)
    const { status, said } = call('ulimit -u 63;', RUN)
    expect({ status, said }).toMatchObject({ status: 71 })
    expect(said).toContain('this process may have 63 processes and threads, and needs 64')
  },
)

const COMMANDS = [
  ['task', 'list'],
  ['task', 'add', '--title', 'x', '--role', 'backend_dev'],
  ['config', 'set', 'level', 'junior'],
  ['doctor'],
  ['server', '--port', '0'],
  RUN,
]

test.skipIf(!canBeNobody())(
  'a user without an entry and without HOME is told what to set, by every command',
  { timeout: TEST_HANGS_MS },
  () => {
    for (const HOME of [undefined, '', 'relative']) {
      const { call } = stage({ user: AS_NOBODY, env: { HOME, HEADLESS_PM_HOME: undefined } })
      for (const command of COMMANDS) {
        const { status, said } = call('', command)
        expect({ HOME, command, status, said }).toMatchObject({ status: 78 })
        expect(said).toContain('Set HOME, or HEADLESS_PM_HOME, to an absolute path.')
        expect(said).not.toMatch(/^\s+at /m)
      }
    }
  },
)

test.skipIf(!canBeNobody())(
  'a user without an entry and without HOME works where HEADLESS_PM_HOME is set',
  { timeout: TEST_HANGS_MS },
  () => {
    const { call, root, repo } = stage({ user: AS_NOBODY, env: { HOME: undefined } })
    for (const folder of [root, repo]) chownSync(folder, NOBODY, NOBODY)
    for (const command of [
      ['task', 'add', '--title', 'x', '--role', 'backend_dev'],
      ['config', 'set', 'level', 'junior'],
      ['task', 'list'],
    ])
      expect({ command, ...call('', command) }).toMatchObject({ status: 0 })
  },
)

test('a HOME that is no absolute path gives way to that of the list of users', () => {
  for (const HOME of ['', 'relative']) {
    const { call } = stage({ env: { HOME, HEADLESS_PM_HOME: undefined } })
    expect(call('', ['config', 'explain']).said).toMatch(/^home +\/[^\n]*\.headless-pm /m)
    expect(call('', ['config', 'explain']).said).not.toMatch(/^home +\/(\.headless-pm|[^\n]*relative)/m)
  }
})
