import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { builtInHook } from '../../../src/cli/compose/built-in-hooks.ts'
import type { HookDocument, HookName } from '../../../src/core/ports/hooks.ts'
import { endLeftoverHooks, type HookOptions, openHooks } from '../../../src/machine/hooks/hooks.ts'
import { processRow } from '../../../src/machine/process/process-table.ts'
import { git, writeFiles } from '../../support/git-repo.ts'
import { hookDocument, hookTask, PROGRAM } from '../../support/hook-document.ts'
import { FAR_MS, patience } from '../../support/patience.ts'
import { tempFolder } from '../../support/temp.ts'
import { waitFor } from '../../support/wait-for.ts'

/** A repository whose hooks/ holds these files (executable), and a way to call them. */
function house(files: Record<string, string>, changes: Partial<HookOptions> = {}) {
  const folder = tempFolder()
  const repo = join(folder, 'my répo')
  mkdirSync(repo)
  writeFiles(join(repo, 'hooks'), files)
  for (const name of Object.keys(files)) chmodSync(join(repo, 'hooks', name), 0o755)
  const options = {
    ...{ hooksDir: null, repo, home: join(folder, 'home'), timeoutMs: FAR_MS, killGraceMs: 300, self: PROGRAM, builtIn: builtInHook },
    ...changes,
  }
  const log = join(folder, 'logs', 'hook.log')
  const call = (document: Partial<HookDocument> = {}, name: HookName = 'pre_task', signal = new AbortController().signal) =>
    openHooks(options).run(name, hookDocument({ event: name, ...document }), log, signal)
  return { folder, repo, options, log, call, note: (name: string) => join(repo, name) }
}

const read = (path: string) => readFileSync(path, 'utf8')
const isGone = (pid: string) => processRow(Number(pid)) === null

const LANGUAGES: Record<string, string> = {
  'pre_task.sh': 'cat > got.json; echo "ran in sh"; exit 3',
  'pre_task.py': [
    'import json, sys',
    'd = json.load(sys.stdin)',
    'json.dump(d, open("got.json", "w"))',
    'print("ran in python", flush=True)',
    'sys.exit(3)',
  ].join('\n'),
  'pre_task.js':
    'const fs = require("node:fs"); fs.writeFileSync("got.json", fs.readFileSync(0)); console.log("ran in js"); process.exit(3)',
  'pre_task.mjs': [
    'import fs from "node:fs"',
    'await null',
    'if (import.meta.main) { fs.writeFileSync("got.json", fs.readFileSync(0)); console.log("ran in mjs"); process.exitCode = 3 }',
  ].join('\n'),
  'pre_task.ts': [
    'import fs from "node:fs"',
    'const code: number = 3',
    'if (import.meta.main) { fs.writeFileSync("got.json", fs.readFileSync(0)); console.log("ran in ts"); process.exitCode = code }',
  ].join('\n'),
}

for (const [file, source] of Object.entries(LANGUAGES)) {
  test(`${file} needs no rights and no shebang: it gets the document, prints into its log and decides by its exit code`, async () => {
    const { call, log, repo, note } = house({ [file]: source })
    chmodSync(join(repo, 'hooks', file), 0o644)
    const result = await call()
    expect(result).toMatchObject({ ok: false, exitCode: 3, timedOut: false, path: join(repo, 'hooks', file), log })
    expect(result.message).toContain(`ran in ${file.split('.')[1]?.replace('py', 'python')}`)
    expect(read(log)).toBe(`${result.message}\n`)
    const got = JSON.parse(read(note('got.json')))
    expect(got).toMatchObject({ version: 1, event: 'pre_task', run_id: 'run_01hooktest', agent: { id: 'dev_001' } })
    expect(got.task).toMatchObject({ title: hookTask().title, depends_on: ['5'], max_cost_usd: 2.5 })
  })

  test(`${file} is run by the one executable where there is no Node`, async () => {
    const { folder, repo, options, log } = house({ [file]: source })
    writeFiles(folder, { 'agent-runner': `#!/bin/sh\nexec ${PROGRAM.map(word => `'${word}'`).join(' ')} "$@"\n` })
    chmodSync(join(folder, 'agent-runner'), 0o755)
    const hooks = openHooks({ ...options, self: [join(folder, 'agent-runner')] })
    const result = await hooks.run('pre_task', hookDocument(), log, new AbortController().signal)
    expect(result).toMatchObject({ exitCode: 3, path: join(repo, 'hooks', file) })
    expect(result.message).toMatch(/^ran in/)
  })
}

test('a JavaScript hook that throws has failed, and its log says where', async () => {
  const result = await house({ 'pre_task.js': 'throw new Error("boom")' }).call()
  expect(result).toMatchObject({ ok: false, exitCode: 1 })
  expect(result.message).toContain('boom')
})

test('exit code 0 lets the task go on', async () => {
  const result = await house({ pre_task: '#!/bin/sh\necho fine; echo and well >&2\n' }).call()
  expect(result).toMatchObject({ ok: true, exitCode: 0, message: 'fine\nand well' })
})

test('a hook that is killed or prints nothing is told in words', async () => {
  expect(await house({ pre_task: '#!/bin/sh\nexit 9\n' }).call()).toMatchObject({
    ok: false,
    exitCode: 9,
    message: expect.stringContaining('exit code 9'),
  })
  expect(await house({ pre_task: '#!/bin/sh\nkill -SEGV $$\n' }).call()).toMatchObject({
    ok: false,
    exitCode: null,
    message: expect.stringContaining('SIGSEGV'),
  })
})

test('a megabyte of document harms neither side when the hook does not read it', async () => {
  const result = await house({ pre_task: '#!/bin/sh\nexec <&-\necho deaf\n' }).call({
    task: hookTask({ description: 'x'.repeat(1_000_000) }),
  })
  expect(result).toMatchObject({ ok: true, message: 'deaf' })
})

test('a hook reads all of a big document', async () => {
  const result = await house({ pre_task: '#!/bin/sh\nwc -c\n' }).call({ task: hookTask({ description: 'x'.repeat(1_000_000) }) })
  expect(Number(result.message)).toBeGreaterThan(1_000_000)
})

test('the document is nowhere on the disk afterwards, and the log is for its owner alone', async () => {
  const { call, folder, log } = house({ pre_task: '#!/bin/sh\ncat\n' })
  await call()
  expect(readdirSync(join(folder, 'logs'))).toEqual(['hook.log'])
  expect(statSync(log).mode & 0o777).toBe(0o600)
})

test('each call has the log to itself', async () => {
  const { call, log } = house({ pre_task: '#!/bin/sh\necho "once"\n' })
  await call()
  await call()
  expect(read(log)).toBe('once\n')
})

test('a flood is stopped at once, without a grace, and its log is cut', async () => {
  const { call, log, note } = house(
    { pre_task: '#!/bin/sh\necho $$ > pid\ntrap "" TERM\nyes 0123456789012345678901234567890123456789\n' },
    { killGraceMs: FAR_MS },
  )
  const result = await call()
  expect(result).toMatchObject({ ok: false, timedOut: false })
  expect(result.message).toContain('10 MiB')
  expect(statSync(log).size).toBeLessThanOrEqual(10 * 1024 * 1024)
  expect(isGone(read(note('pid')))).toBe(true)
})

test('a short flood whose hook has ended before anybody looked is cut too', async () => {
  const { call, log } = house({ pre_task: '#!/bin/sh\nhead -c 12000000 /dev/zero\necho done\n' })
  await call()
  expect(statSync(log).size).toBeLessThanOrEqual(10 * 1024 * 1024)
})

test('what a hook leaves behind holds nothing up and is gone with it: background commands and daemons', async () => {
  const { call, note } = house({
    pre_task:
      '#!/bin/sh\nsleep 3600 &\necho $! > background\nenv -i sleep 3600 &\necho $! > untagged\nsetsid sh -c "echo \\$\\$ > daemon; trap \'\' TERM HUP; sleep 3600; sleep 3600" &\nwhile [ ! -s daemon ]; do sleep 0.01; done\n',
  })
  const result = await call()
  expect(result).toMatchObject({ ok: true })
  expect(isGone(read(note('background')))).toBe(true)
  expect(isGone(read(note('untagged')))).toBe(true)
  expect(isGone(read(note('daemon')))).toBe(true)
})

test('a hook that hangs is stopped after its time with all that it started, deaf to TERM or not', async () => {
  const { call, note } = house(
    {
      pre_task:
        '#!/bin/sh\necho thinking\ntrap "" TERM\nsleep 3600 &\necho $! > child\nsetsid sleep 3600 &\necho $! > daemon\necho $$ > pid\nwhile :; do sleep 1; done\n',
    },
    { timeoutMs: 500 },
  )
  const result = await call()
  expect(result).toMatchObject({ ok: false, timedOut: true })
  expect(result.message).toMatch(/did not end within 0.5 s.*\nthinking/s)
  expect(result.ms).toBeGreaterThanOrEqual(800)
  for (const name of ['pid', 'child', 'daemon']) expect(isGone(read(note(name)))).toBe(true)
})

test('a hook that minds TERM may clear up, as may what it started, and has timed out all the same', async () => {
  const minding = 'trap "echo > $1; exit 0" TERM; echo > $1.ready; while :; do sleep 0.05; done'
  const { call, note } = house(
    {
      'minding.sh': minding,
      pre_task: '#!/bin/sh\nsh hooks/minding.sh child &\ntrap "wait; echo > cleared; exit 0" TERM\nwhile :; do sleep 0.05; done\n',
    },
    { timeoutMs: patience(1_500), killGraceMs: FAR_MS },
  )
  expect(await call()).toMatchObject({ ok: false, timedOut: true, exitCode: 0 })
  for (const name of ['child.ready', 'child', 'cleared']) expect(existsSync(note(name))).toBe(true)
})

test('the signal stops the hook and all of its group', async () => {
  const { call, note } = house({ pre_task: '#!/bin/sh\nsleep 3600 &\necho $! > child\nwait\n' })
  const stop = new AbortController()
  const running = call({}, 'pre_task', stop.signal)
  const stopped = expect(running).rejects.toMatchObject({ code: 'ABORTED' })
  const child = await waitFor('the hook to start', () => (existsSync(note('child')) ? read(note('child')).trim() : null))
  stop.abort()
  await stopped
  expect(isGone(child)).toBe(true)
})

test('nothing is started under a signal that has fired', async () => {
  const { call, note } = house({ pre_task: '#!/bin/sh\ntouch ran\n' })
  await expect(call({}, 'pre_task', AbortSignal.abort())).rejects.toMatchObject({ code: 'ABORTED' })
  expect(existsSync(note('ran'))).toBe(false)
})

test('a hook sees its name and its run, and no key of the PM', async () => {
  const secrets = ['HEADLESS_PM_API_KEY', 'API_KEY_HEADLESS_PM', 'API_KEY']
  const before = secrets.map(name => process.env[name])
  onTestFinished(() => {
    for (const [index, name] of secrets.entries())
      if (before[index] === undefined) delete process.env[name]
      else process.env[name] = before[index]
  })
  for (const name of secrets) process.env[name] = 'canary-4711'
  const { call, note } = house({ pre_task: '#!/bin/sh\nenv > env.txt\n' })
  await call()
  const env = read(note('env.txt'))
  expect(env).not.toContain('canary-4711')
  expect(env).toMatch(/^AGENT_RUNNER_HOOK=pre_task$/m)
  expect(env).toMatch(/^AGENT_RUNNER_RUN_ID=run_01hooktest$/m)
  expect(env).toMatch(/^PATH=/m)
})

test("a hook works in the task's workspace, and in the repository while there is none", async () => {
  const { call, repo, folder } = house({ pre_task: '#!/bin/sh\npwd\n' })
  const path = join(folder, 'work tree')
  const workspace = { kind: 'worktree', path, repo, branch: null }
  expect((await call()).message).toBe(repo)
  expect((await call({ workspace })).message).toBe(repo)
  mkdirSync(path)
  expect((await call({ workspace })).message).toBe(path)
})

test('a hook that cannot be run fails with the reason; it is not passed over', async () => {
  const { call, repo } = house({ pre_task: '#!/bin/sh\necho no\n', post_task: '#!/nowhere/interpreter\n' })
  chmodSync(join(repo, 'hooks/pre_task'), 0o644)
  expect(await call()).toMatchObject({ ok: false, exitCode: 126, message: expect.stringContaining('chmod +x') })
  expect(await call({}, 'post_task')).toMatchObject({
    ok: false,
    exitCode: 126,
    message: expect.stringContaining('/nowhere/interpreter is not'),
  })
})

test('a log that cannot be written makes the hook fail and throws nothing', async () => {
  const { options, folder } = house({ pre_task: '#!/bin/sh\ntouch ran\n' })
  writeFiles(folder, { 'a-file': '' })
  const result = await openHooks(options).run('pre_task', hookDocument(), join(folder, 'a-file', 'hook.log'), new AbortController().signal)
  expect(result).toMatchObject({ ok: false, exitCode: null, message: expect.stringContaining('could not be run') })
})

test('the message is the end of the output, without colours and control characters', async () => {
  const script = '#!/bin/sh\nseq 1 5000\nprintf "\\033[31mred\\033[0m \\007bell\\r\\nlast\\n\\n"\n'
  const { message } = await house({ pre_task: script }).call()
  expect(message.split('\n')).toHaveLength(20)
  expect(message).toMatch(/\n5000\nred {2}bell\nlast$/)
})

test('where nobody wrote a hook, the shipped one is run, in this process, and its log is as that of any', async () => {
  const { call, folder, log } = house({})
  const result = await call({ state_dir: join(folder, 'state') }, 'health_check')
  expect(result).toMatchObject({ ok: true, exitCode: 0, path: 'built in', log })
  expect(result.message).toContain('MB free')
  expect(read(log)).toBe(`${result.message}\n`)
  expect(statSync(log).mode & 0o777).toBe(0o600)
})

test('each shipped hook does its work when it is built in', async () => {
  const { folder, repo, call } = house({})
  git(repo, 'init', '-q')
  const before = await call()
  expect(before.message).toMatch(/^ok: \d+ MB free .*\nok: git works in .*\nok: the agent CLI answers: v\d+/)
  const ended = { reason: 'completed', duration_ms: 1, cost_usd: 0, commits: [] } as unknown as HookDocument['result']
  const after = await call({ state_dir: join(folder, 'state'), result: ended }, 'post_task')
  expect(after).toMatchObject({ ok: true, message: expect.stringContaining('noted in') })
  expect(JSON.parse(read(join(folder, 'state/metrics.jsonl')))).toMatchObject({ run_id: 'run_01hooktest', reason: 'completed' })
})

test('a shipped hook goes by the settings of hooks, and a failure of its own is its last line', async () => {
  const { call } = house({}, { env: { AGENT_RUNNER_MIN_FREE_MB: '999999999' } })
  const full = await call({}, 'health_check')
  expect(full).toMatchObject({ ok: false, exitCode: 1, message: expect.stringMatching(/NOT ok: only \d+ MB free/) })
  const odd = house({}, { env: { AGENT_RUNNER_MIN_FREE_MB: 'plenty' } })
  const failed = await odd.call({}, 'health_check')
  expect(failed).toMatchObject({ ok: false, message: 'AGENT_RUNNER_MIN_FREE_MB is "plenty": it must be a number of megabytes' })
})

/** An agent CLI that tells its pid and does not answer. */
function silentCli(folder: string): string {
  const cli = join(folder, 'cli')
  writeFiles(folder, { cli: '#!/bin/sh\necho $$ > "$0.pid"\nexec sleep 3600\n' })
  chmodSync(cli, 0o755)
  return cli
}

test('a shipped hook that takes too long is stopped, with the programs that it started', async () => {
  const { folder, call } = house({}, { timeoutMs: 1_000 })
  const cli = silentCli(folder)
  const result = await call({ agent_command: cli })
  expect(result).toMatchObject({ ok: false, timedOut: true, message: expect.stringContaining('did not end within 1 s') })
  expect(isGone(read(`${cli}.pid`).trim())).toBe(true)
})

test('a shipped hook is stopped when its runner ends, with the programs that it started', async () => {
  const { folder, call } = house({})
  const cli = silentCli(folder)
  const stop = new AbortController()
  const running = call({ agent_command: cli }, 'pre_task', stop.signal)
  const pid = await waitFor('the CLI to start', () => (existsSync(`${cli}.pid`) ? read(`${cli}.pid`).trim() : null))
  stop.abort()
  await expect(running).rejects.toMatchObject({ code: 'ABORTED' })
  expect(isGone(pid)).toBe(true)
})

test('hooks of a killed runner are ended at the next start, those of other agents and homes are not', async () => {
  const { options, note, log } = house({ health_check: '#!/bin/sh\necho $$ > pid\nexec sleep 3600\n' })
  const runner = killableRunner(options, log)
  const pid = await waitFor('the hook to start', () => (existsSync(note('pid')) ? read(note('pid')).trim() : null))
  runner.kill('SIGKILL')
  await once(runner, 'exit')
  expect(await endLeftoverHooks('dev_002', options.home)).toBe(0)
  expect(await endLeftoverHooks('dev_001', '/elsewhere')).toBe(0)
  expect(isGone(pid)).toBe(false)
  expect(await endLeftoverHooks('dev_001', options.home)).toBe(1)
  expect(isGone(pid)).toBe(true)
})

/** A process of its own that runs the health_check hook. */
function killableRunner(options: HookOptions, log: string): ChildProcess {
  const source = `
    import { openHooks } from ${JSON.stringify(join(import.meta.dirname, '../../../src/machine/hooks/hooks.ts'))}
    const document = ${JSON.stringify(hookDocument({ event: 'health_check', run_id: null, task: null }))}
    await openHooks(${JSON.stringify(options)}).run('health_check', document, ${JSON.stringify(log)}, new AbortController().signal)`
  const runner = spawn(process.execPath, ['--input-type=module', '-e', source], { stdio: 'inherit' })
  onTestFinished(() => {
    runner.kill('SIGKILL')
  })
  return runner
}
