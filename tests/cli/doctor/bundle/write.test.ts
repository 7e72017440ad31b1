import { execFileSync } from 'node:child_process'
import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { PassThrough } from 'node:stream'
import { expect, test } from 'vitest'
import { claudeAccount } from '../../../../src/agents/claude/claude-account.ts'
import type { CommandIo } from '../../../../src/cli/command/command-io.ts'
import { runDoctor } from '../../../../src/cli/doctor/run.ts'
import { waitOf } from '../../../../src/core/wait.ts'
import { lockFilePath } from '../../../../src/machine/journal/lock-file.ts'
import { systemClock } from '../../../../src/machine/limits/clock.ts'
import { openUsageLimit } from '../../../../src/machine/limits/usage-limit.ts'
import { agentProgram, RESULT_LINE } from '../../../support/agent-program.ts'
import { type capture, commandIo } from '../../../support/command-io.ts'
import { gitRepo } from '../../../support/git-repo.ts'
import { actAsProgram } from '../../../support/program.ts'
import { runnerStage } from '../../../support/runner-stage.ts'
import { holdAgent } from '../../../support/sleeping-agent.ts'
import { tempFolder } from '../../../support/temp.ts'
import { unfinished } from '../../../support/unfinished.ts'
import { waitFor } from '../../../support/wait-for.ts'

actAsProgram()

type Captured = ReturnType<typeof capture>

const PM_KEY = 'pm "key" ü/1234'
const TOKEN = 'oauth-token-5678'
const DOTENV = 'from-dot-env-9012'
const SECRETS = [
  PM_KEY,
  JSON.stringify(PM_KEY).slice(1, -1),
  encodeURIComponent(PM_KEY),
  TOKEN,
  DOTENV,
  'sk-ant-api03-',
  'hunter22',
  'deploy-token-77',
]

const SAID = `${PM_KEY} ${encodeURIComponent(PM_KEY)} ${TOKEN} ${DOTENV} sk-ant-api03-${'x1'.repeat(20)} https://me:hunter22@host Authorization: Bearer deploy-token-77`

/** A machine with a state folder, and what it takes to bundle it. */
function machine(home = tempFolder(), repo = gitRepo()) {
  const out = tempFolder()
  const claude = agentProgram(out, `echo '{"loggedIn":true,"authMethod":"api_key"}'`, 'claude')
  const io = () => {
    const base = commandIo(home, { cwd: repo })
    const secrets = { HEADLESS_PM_API_KEY: PM_KEY, CLAUDE_CODE_OAUTH_TOKEN: TOKEN }
    return { ...base, env: { ...base.env, ...secrets, HEADLESS_PM_CLAUDE_COMMAND: claude, HEADLESS_PM_API_URL: 'http://127.0.0.1:9' } }
  }
  const file = join(out, 'report.tar.gz')
  const bundle = async (flags: Record<string, unknown> = {}, place: CommandIo = io()) => {
    const exitCode = await runDoctor({ bundle: file, ...flags }, place)
    return { exitCode, stdout: (place.stdout as Captured).text(), stderr: (place.stderr as Captured).text() }
  }
  const unpacked = () => {
    execFileSync('tar', ['-xzf', file], { cwd: out })
    const root = join(out, 'report')
    const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter(name => statSync(join(root, name)).isFile())
    return new Map(files.sort().map(name => [name, readFileSync(join(root, name), 'utf8')]))
  }
  return { home, io, file, bundle, unpacked }
}

/** The same after one task was done by an agent that told every secret it could find, with another one unfinished. */
async function busyMachine() {
  const result = RESULT_LINE.replace('"done"', JSON.stringify(`very private: ${SAID}`))
  const work = 'echo "a private thing" > plan.txt'
  const { home, repo, board, run } = await runnerStage(`${work}; cat <<'END' >&2\n${SAID}\nEND\ncat <<'END'\n${result}\nEND`)
  await board.addTask({
    title: 'Private title',
    role: 'backend_dev',
    seniority: 'senior',
    complexity: 'major',
    description: 'Private text',
  })
  await run()
  writeFileSync(join(home, 'health-dev_001.log'), `checking with ${SAID}\n`)
  unfinished(home, 'dev_002', 'run_01h455vb4pex5vsknk084sn02q')
  writeFileSync(lockFilePath(home, 'dev_003'), `{"half": "${SAID}`)
  writeFileSync(join(repo, '.env'), `MY_API_TOKEN=${DOTENV}\n`)
  return { ...machine(home, repo), run: `runs/${readdirSync(join(home, 'runs')).find(name => name.startsWith('run_'))}` }
}

test('the bundle holds what a maintainer needs, lists it first, and no secret and no word of the work is in it', async () => {
  const { bundle, unpacked, file, run } = await busyMachine()
  const { exitCode, stdout, stderr } = await bundle()
  expect(exitCode).toBe(0)
  expect(stdout).toContain(file)
  expect(statSync(file).mode & 0o777).toBe(0o600)
  const files = unpacked()
  for (const name of [
    ...['machine.json', 'doctor.json', 'config.json', 'status.json', 'board.json', 'files.txt', 'health-dev_001.log'],
    ...['locks/agent-dev_002.lock', 'locks/agent-dev_003.lock', `${run}/events.jsonl`, `${run}/result.json`],
    ...['attempt.json', 'started.json', 'exit.json', 'supervisor.log', 'stderr.log'].map(each => `${run}/attempts/1/${each}`),
  ])
    expect([...files.keys()]).toContain(name)
  for (const name of files.keys()) expect(stderr).toContain(name)
  for (const [name, text] of files) {
    for (const secret of SECRETS) expect(text, name).not.toContain(secret)
    expect(text, name).not.toMatch(/private (title|text|thing)|very private/i)
  }
  expect([...files.keys()].filter(name => /prompt|diff|stdout/.test(name))).toEqual([])
  expect(files.get(`${run}/attempts/1/stderr.log`)).toContain('[redacted]')
  expect(JSON.parse(files.get('board.json')!)).toMatchObject({ schema_version: expect.any(Number), tasks: { dev_done: 1 } })
  expect(JSON.parse(files.get('locks/agent-dev_002.lock')!)).toMatchObject({
    agent_id: 'dev_002',
    task_title: expect.stringMatching(/characters/),
  })
  expect(JSON.parse(files.get('locks/agent-dev_003.lock')!)).toMatchObject({ problem: 'it is not JSON' })
  expect(JSON.parse(files.get('config.json')!).settings.apiKey.value).toBe('[redacted]')
  expect(JSON.parse(files.get('machine.json')!).environment_names).toContain('CLAUDE_CODE_OAUTH_TOKEN')
  expect(
    files
      .get(`${run}/events.jsonl`)!
      .trim()
      .split('\n')
      .map(line => JSON.parse(line).type),
  ).toContain('run_finished')
})

test('the bundle tells until when an idle runner waits for the usage limit of its account', async () => {
  const { home, io, bundle, unpacked } = machine()
  await holdAgent(home, 'dev_001')
  const wait = waitOf(3_600_000, systemClock)
  openUsageLimit({ home, account: () => claudeAccount(io().env), clock: systemClock }).reached(wait)
  await bundle()
  expect(JSON.parse(unpacked().get('status.json')!).agents).toMatchObject([
    { agent_id: 'dev_001', state: 'waiting', waiting_until: new Date(wait.until).toISOString() },
  ])
})

test('with --with-work what was asked, said and changed is in it, still without secrets', async () => {
  const { bundle, unpacked, run } = await busyMachine()
  await bundle({ withWork: true })
  const files = unpacked()
  expect(files.get(`${run}/prompt.md`)).toContain('Private text')
  expect(files.get(`${run}/diff.patch`)).toContain('a private thing')
  expect(files.get(`${run}/attempts/1/stdout.jsonl`)).toContain('very private')
  for (const [name, text] of files) for (const secret of SECRETS) expect(text, name).not.toContain(secret)
})

test('nothing is overwritten', async () => {
  const { bundle, file } = machine()
  writeFileSync(file, 'mine')
  await expect(bundle()).rejects.toMatchObject({ code: 'USAGE', message: expect.stringContaining('is there already') })
  expect(readFileSync(file, 'utf8')).toBe('mine')
})

test('a folder that is not there is a clear error', async () => {
  const { bundle } = machine()
  await expect(bundle({ bundle: 'nowhere/report.tar.gz' })).rejects.toMatchObject({
    code: 'USAGE',
    message: expect.stringContaining('ENOENT'),
  })
})

test('--json tells the files on stdout', async () => {
  const { bundle, file } = machine()
  const { stdout } = await bundle({ json: true })
  expect(JSON.parse(stdout)).toMatchObject({
    file,
    with_work: false,
    files: expect.arrayContaining([{ path: 'doctor.json', bytes: expect.any(Number) }]),
  })
})

test.each([
  ['n\r', 12],
  ['y\r', 0],
])('on a terminal it asks first: %j ends with %i', async (answer, exitCode) => {
  const { io, bundle, file } = machine()
  const stdin = Object.assign(new PassThrough(), { isTTY: true })
  const place = io()
  const asking = bundle({}, { ...place, stdin, stderr: Object.assign(place.stderr, { isTTY: true }) })
  await waitFor('the question', () => place.stderr.text().includes('Write it to'))
  stdin.write(answer)
  expect((await asking).exitCode).toBe(exitCode)
  expect(existsSync(file)).toBe(exitCode === 0)
})

test('--yes does not ask', async () => {
  const { io, bundle, file } = machine()
  const place = io()
  const terminal = {
    ...place,
    stdin: Object.assign(new PassThrough(), { isTTY: true }),
    stderr: Object.assign(place.stderr, { isTTY: true }),
  }
  expect((await bundle({ yes: true }, terminal)).exitCode).toBe(0)
  expect(existsSync(file)).toBe(true)
})

test('a configuration that is broken, and a state folder that is not there, can be told about too', async () => {
  const home = join(tempFolder(), 'none')
  const repo = tempFolder()
  const place = commandIo(home, { cwd: repo })
  writeFileSync(join(repo, 'agent-runner.yaml'), 'maxAttempts: many\n')
  expect(await runDoctor({ bundle: 'report.tar.gz' }, { ...place, env: { ...place.env, HOME: repo } })).toBe(0)
  const names = execFileSync('tar', ['-tzf', join(repo, 'report.tar.gz')], { encoding: 'utf8' })
  expect(names).toContain('report/doctor.json')
  expect(names).not.toContain('config.json')
  expect(existsSync(home)).toBe(false)
})

test('a flooded output is cut to its end, and a secret at the cut does not escape', async () => {
  const { bundle, unpacked, home } = machine()
  const name = 'runs/run_01h455vb4pex5vsknk084sn02q/attempts/1/stderr.log'
  const log = join(home, name)
  mkdirSync(dirname(log), { recursive: true })
  // Every position of a cut falls into a secret.
  for (let n = 0; n < 40; n++) appendFileSync(log, `${TOKEN}\n`.repeat(4_000))
  await bundle()
  const text = unpacked().get(name)!
  expect(Buffer.byteLength(text)).toBeLessThan(1024 ** 2 + 100)
  expect(text).toMatch(/^\[the end of \d+ bytes\]\n(\[redacted\]\n)+$/)
})

test('what a link points at is not handed out', async () => {
  const { bundle, unpacked, home } = machine()
  const outside = join(tempFolder(), 'outside')
  writeFileSync(outside, '{"other": "file"}')
  mkdirSync(join(home, 'limits'))
  symlinkSync(outside, join(home, 'limits/claude-1.json'))
  await bundle()
  expect([...unpacked().keys()].filter(name => name.startsWith('limits'))).toEqual([])
})

test('--with-work and --yes without --bundle are refused', async () => {
  const place = commandIo(tempFolder())
  for (const flag of ['withWork', 'yes']) await expect(runDoctor({ [flag]: true }, place)).rejects.toMatchObject({ code: 'USAGE' })
})
