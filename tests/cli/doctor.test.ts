import { chmodSync, existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { doctorCommand } from '../../src/cli/doctor.ts'
import { takeAgentGuard } from '../../src/machine/locks/agent-guard.ts'
import { gitRepo, writeFiles } from '../support/git-repo.ts'
import { type HeadlessPmServerOptions, startHeadlessPm } from '../support/headless-pm-server.ts'
import { actAsProgram } from '../support/program.ts'
import { tempFolder } from '../support/temp.ts'
import { trustAsItIs } from '../support/trusted.ts'
import { capture } from './capture.ts'

actAsProgram()

const REAL_CLAUDE = join(import.meta.dirname, '../../node_modules/.bin/claude')

interface Check {
  name: string
  verdict: 'ok' | 'warn' | 'fail'
  says: string
  advice: string
}

/** A machine on which all is well: a clean repository, a CLI that is logged in, no state yet. */
function machine(files: Record<string, string> = { 'README.md': '# demo\n' }) {
  const root = tempFolder()
  const repo = gitRepo(files, join(root, 'repo'))
  const home = join(root, 'state')
  const claude = join(root, 'claude')
  const answers = (version: string, loggedIn: boolean) => {
    const status = JSON.stringify({ loggedIn, authMethod: 'api_key' })
    writeFileSync(claude, `#!/bin/sh\ncase "$1" in --version) echo '${version} (Claude Code)';; *) echo '${status}';; esac\n`)
    chmodSync(claude, 0o755)
  }
  answers('2.1.329', true)
  const env: Record<string, string> = {
    PATH: process.env.PATH ?? '',
    HOME: root,
    HEADLESS_PM_HOME: home,
    HEADLESS_PM_CLAUDE_COMMAND: claude,
    IS_SANDBOX: '1',
    GIT_CONFIG_GLOBAL: '/dev/null',
  }
  const doctor = async (args: string[] = [], more: Record<string, string> = {}) => {
    const { out, exitCode } = await capture(doctorCommand, ['doctor', '--json', '--min-free-disk', '1', ...args], {
      cwd: repo,
      env: { ...env, ...more },
    })
    const document: { ok: boolean; checks: Check[] } = JSON.parse(out)
    const check = (name: string) => document.checks.find(entry => entry.name === name) as Check
    return { ...document, check, exitCode }
  }
  return { root, repo, home, env, answers, doctor }
}

async function pm(options: HeadlessPmServerOptions) {
  const server = await startHeadlessPm(options)
  onTestFinished(() => server.close())
  return server
}

const WHO = ['--role', 'backend_dev', '--agent-id', 'dev_001']

test('on a sound machine every check is ok, the exit code is 0, and nothing is left behind', async () => {
  const { doctor, home } = machine()
  const { checks, ok, exitCode } = await doctor(WHO)
  // Who started these tests may have keys in its environment.
  expect(checks.filter(check => check.verdict !== 'ok' && check.name !== 'environment')).toEqual([])
  expect(checks.map(check => check.name)).toEqual([
    'configuration',
    'trust',
    'agent id',
    'role',
    'key',
    'tracker',
    'claude',
    'claude version',
    'claude login',
    'root',
    'claude processes',
    'git',
    'repository',
    'hooks',
    'processes',
    'environment',
    'state folder',
    'disk space',
    'clock',
  ])
  expect({ ok, exitCode }).toEqual({ ok: true, exitCode: 0 })
  expect(existsSync(home)).toBe(false)
})

test('the real CLI is found, its version told, and a missing login noticed', async () => {
  const { doctor } = machine()
  const config = { CLAUDE_CONFIG_DIR: tempFolder(), HEADLESS_PM_CLAUDE_COMMAND: REAL_CLAUDE }
  const without = await doctor(WHO, config)
  expect(without.check('claude version')).toMatchObject({ verdict: 'ok', says: '2.1.329' })
  expect(without.check('claude login')).toMatchObject({ verdict: 'fail', says: 'not logged in' })
  expect(without.exitCode).toBe(77)
  const withKey = await doctor(WHO, { ...config, ANTHROPIC_API_KEY: 'sk-ant-test' })
  expect(withKey.check('claude login').verdict).toBe('ok')
  expect(withKey.exitCode).toBe(0)
})

test('a CLI that is missing, of another version, or mute is told apart', async () => {
  const { doctor, answers } = machine()
  const missing = await doctor(WHO, { HEADLESS_PM_CLAUDE_COMMAND: '/nowhere/claude' })
  expect(missing.check('claude')).toMatchObject({ verdict: 'fail', says: expect.stringContaining('/nowhere/claude') })
  expect(missing.exitCode).toBe(78)
  answers('3.0.0', true)
  expect((await doctor(WHO)).check('claude version')).toMatchObject({
    verdict: 'warn',
    says: expect.stringContaining('3.0.0 was not tried'),
  })
  answers('no version', true)
  expect((await doctor(WHO)).check('claude').verdict).toBe('fail')
})

test.runIf(process.getuid?.() === 0)(
  'root without IS_SANDBOX is a failure when permissions are to be skipped, and none otherwise',
  async () => {
    const { doctor } = machine()
    const bare = await doctor(WHO, { IS_SANDBOX: '' })
    expect(bare.check('root')).toMatchObject({ verdict: 'fail', advice: expect.stringContaining('IS_SANDBOX=1') })
    expect(bare.exitCode).toBe(78)
    expect((await doctor([...WHO, '--permission-mode', 'acceptEdits'], { IS_SANDBOX: '' })).check('root').verdict).toBe('ok')
  },
)

test('a PM server that answers and accepts the key is ok; a refused key and a dead server are failures', async () => {
  const { doctor } = machine()
  const server = await pm({ key: 'the right key' })
  const good = await doctor(WHO, { HEADLESS_PM_API_URL: server.url, HEADLESS_PM_API_KEY: 'the right key' })
  expect(good.check('tracker')).toMatchObject({ verdict: 'ok', says: `${server.url} answers and accepts the key` })
  expect(good.check('key').says).toBe('from HEADLESS_PM_API_KEY (environment)')
  expect(good.check('clock').says).toContain('as at the PM server')
  expect(good.exitCode).toBe(0)

  const wrong = await doctor(WHO, { HEADLESS_PM_API_URL: server.url, API_KEY: 'wrong' })
  expect(wrong.check('tracker').verdict).toBe('fail')
  expect(wrong.exitCode).toBe(77)
  expect(JSON.stringify(wrong.checks)).not.toContain('"wrong"')

  await server.close()
  const dead = await doctor(WHO, { HEADLESS_PM_API_URL: server.url, API_KEY: 'the right key' })
  expect(dead.check('tracker')).toMatchObject({ verdict: 'fail', advice: expect.stringContaining('HEADLESS_PM_API_URL') })
  expect(dead.exitCode).toBe(69)
})

test("a clock that is far from the PM server's is a warning", async () => {
  const { doctor } = machine()
  const server = await pm({ key: 'k' })
  const date = new Date(Date.now() + 3_600_000).toUTCString()
  server.onRequest = ({ path }) => (path === '/health' ? { status: 200, body: '{"status":"healthy"}', headers: { date } } : 'pass')
  const { check, exitCode } = await doctor(WHO, { HEADLESS_PM_API_URL: server.url, API_KEY: 'k' })
  expect(check('clock')).toMatchObject({
    verdict: 'warn',
    says: expect.stringMatching(/^the PM server's clock is 3\d\d\d s ahead of this one$/),
  })
  expect(exitCode).toBe(0)
})

test('uncommitted changes, a missing commit and a missing repository are warnings that say for which tasks', async () => {
  const { doctor, repo, root } = machine()
  writeFileSync(join(repo, 'new.txt'), '')
  const dirty = await doctor(WHO)
  expect(dirty.check('repository')).toMatchObject({
    verdict: 'warn',
    says: expect.stringMatching(/^minor tasks: .*uncommitted changes \(new\.txt\)/),
  })
  expect(dirty.exitCode).toBe(0)
  expect((await doctor([...WHO, '--dirty-in-place', 'allow'])).check('repository').verdict).toBe('ok')
  const noBase = await doctor([...WHO, '--base-branch', 'nope', '--dirty-in-place', 'allow'])
  expect(noBase.check('repository')).toMatchObject({ verdict: 'fail', says: `--base-branch nope: there is no such branch in ${repo}` })
  expect(noBase.exitCode).toBe(2)
  mkdirSync(join(root, 'plain'))
  expect((await doctor([...WHO, '--repo', join(root, 'plain')])).check('repository').says).toContain('is no git repository')
})

test('git that is missing is a failure', async () => {
  const { doctor } = machine()
  const { check, exitCode } = await doctor(WHO, { PATH: dirname(process.execPath) })
  expect(check('git')).toMatchObject({ verdict: 'fail', advice: 'Install git.' })
  expect(exitCode).toBe(1)
})

test('a hook that cannot be run is a failure that names it', async () => {
  const { doctor, repo, home } = machine()
  writeFiles(repo, { 'hooks/pre_task': 'not executable' })
  await trustAsItIs(repo, home)
  const { check, exitCode } = await doctor([...WHO, '--dirty-in-place', 'allow'])
  expect(check('hooks')).toMatchObject({ verdict: 'fail', says: expect.stringContaining(join(repo, 'hooks/pre_task')) })
  expect(exitCode).toBe(78)
  expect((await doctor([...WHO, '--hooks-dir', 'nowhere'])).check('hooks').verdict).toBe('fail')
})

test('a state folder that cannot be written, or that others can read, is told', async () => {
  const { doctor, home } = machine()
  writeFileSync(home, 'a file')
  const broken = await doctor(WHO)
  expect(broken.check('state folder').verdict).toBe('fail')
  expect(broken.exitCode).toBe(73)
  const open = join(tempFolder(), 'open')
  mkdirSync(open)
  chmodSync(open, 0o755)
  expect((await doctor(WHO, { HEADLESS_PM_HOME: open })).check('state folder')).toMatchObject({
    verdict: 'warn',
    advice: `chmod 700 ${open}`,
  })
  chmodSync(open, 0o722)
  const loose = await doctor(WHO, { HEADLESS_PM_HOME: open })
  expect(loose.check('state folder')).toMatchObject({ verdict: 'warn', says: `others can write to ${open}` })
  expect(statSync(open).mode & 0o777).toBe(0o722)
})

test('a state folder whose locks keep nobody out is a failure', async () => {
  const { doctor } = machine()
  process.argv[1] = join(import.meta.dirname, '../support/lawless-lock.ts')
  onTestFinished(actAsProgram)
  const { check, exitCode } = await doctor(WHO)
  expect(check('state folder')).toMatchObject({ verdict: 'fail', says: expect.stringContaining('locks do not work') })
  expect(exitCode).toBe(73)
})

test('too little disk space is a failure', async () => {
  const { doctor } = machine()
  const { check, exitCode } = await doctor([...WHO, '--min-free-disk', '10000000'])
  expect(check('disk space').verdict).toBe('fail')
  expect(exitCode).toBe(73)
})

test('an agent id that is in use is a failure that names the process', async () => {
  const { doctor, home, repo } = machine()
  const guard = takeAgentGuard(home, 'dev_001', { role: 'backend_dev', repo, command: 'continuous' })
  try {
    const { check, exitCode } = await doctor(WHO)
    expect(check('agent id')).toMatchObject({ verdict: 'fail', says: expect.stringContaining(`process ${process.pid}`) })
    expect(exitCode).toBe(75)
  } finally {
    guard.release()
  }
  expect((await doctor(WHO)).check('agent id').verdict).toBe('ok')
})

test('a configuration that does not hold is the one finding; a wrong flag is a wrong call', async () => {
  const { doctor } = machine({ 'agent-runner.yaml': 'claude_timeout: 3\n' })
  const { checks, exitCode } = await doctor(WHO)
  expect(checks).toEqual([
    expect.objectContaining({ name: 'configuration', verdict: 'fail', says: expect.stringContaining('did you mean claudeTimeout?') }),
  ])
  expect(exitCode).toBe(78)
  await expect(machine().doctor(['--level', 'expert'])).rejects.toMatchObject({ exitCode: 2 })
})

test('a key in the repository is a warning; without a role, a run would not start', async () => {
  const careless = machine({ 'agent-runner.yaml': 'apiKey: hunter2\ntracker: embedded\n' })
  await trustAsItIs(careless.repo, careless.home)
  const inRepository = await careless.doctor(WHO)
  expect(inRepository.check('configuration')).toMatchObject({ verdict: 'warn', advice: expect.stringContaining('config set apiKey -') })
  expect(JSON.stringify(inRepository)).not.toContain('hunter2')
  const { check, exitCode } = await machine().doctor()
  expect(check('configuration')).toMatchObject({ verdict: 'fail', says: 'valid, but a run needs --role and --agent-id too' })
  expect(exitCode).toBe(2)
})

test('a key that is too short to be told from a word is a warning', async () => {
  const HEADLESS_PM_API_URL = 'http://127.0.0.1:1'
  const { doctor } = machine()
  const { check } = await doctor(WHO, { HEADLESS_PM_API_URL, HEADLESS_PM_API_KEY: 'devel' })
  expect(check('key')).toMatchObject({ verdict: 'warn', says: expect.stringContaining('fewer than 6 characters') })
  expect((await doctor(WHO, { HEADLESS_PM_API_URL, HEADLESS_PM_API_KEY: 'devel0' })).check('key').verdict).toBe('ok')
})

test('the key in a file is looked at as well: too short, none, two words, no file', async () => {
  const { doctor, root } = machine()
  const file = join(root, 'the.key')
  const withKey = async (text: string | null) => {
    if (text !== null) writeFileSync(file, text)
    const { check } = await doctor([...WHO, '--server', 'http://127.0.0.1:1', '--key-file', text === null ? join(root, 'none') : file])
    return check('key')
  }
  expect(await withKey('devel\n')).toMatchObject({ verdict: 'warn', says: expect.stringContaining('fewer than 6 characters') })
  expect(await withKey('ar_worker_0123456789\n')).toMatchObject({ verdict: 'ok', says: 'from --key-file' })
  expect(await withKey('\n')).toMatchObject({ verdict: 'fail', says: `the key file ${file} is empty` })
  expect(await withKey('two words\n')).toMatchObject({ verdict: 'fail', says: expect.stringContaining('more than one word') })
  expect(await withKey(null)).toMatchObject({
    verdict: 'fail',
    says: expect.stringContaining('is not there'),
    advice: expect.stringContaining('keys create'),
  })
})

test("a role's instructions are told by their file", async () => {
  const { doctor, repo } = machine({ 'team_roles/backend_dev.md': 'Be good.\n' })
  expect((await doctor(WHO)).check('role').says).toBe(`backend_dev, with ${join(repo, 'team_roles/backend_dev.md')}`)
})

test('without --json people get a line per check, what to do, and the verdict', async () => {
  const { repo, env, answers } = machine()
  answers('2.1.329', false)
  const { out, exitCode } = await capture(doctorCommand, ['doctor', '--min-free-disk', '1', ...WHO], { cwd: repo, env })
  expect(out).toMatch(/^ok {4} *git +git version/m)
  expect(out).toMatch(/^fail {2}claude login +not logged in\n +→ Run `claude` and `\/login`/m)
  expect(out).toMatch(/A run would not start: 1 check failed\.\n$/)
  expect(exitCode).toBe(77)
})
