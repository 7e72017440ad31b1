import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { uptime } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { newRunId } from '../../../src/core/ids.ts'
import type { AttemptSpec } from '../../../src/core/ports/supervision.ts'
import { attemptFolder, readAttemptFile } from '../../../src/machine/attempts/attempt-files.ts'
import { runProcesses } from '../../../src/machine/attempts/run-processes.ts'
import { openSupervision } from '../../../src/machine/attempts/supervision.ts'
import { agentTag, identify, isAlive, RUN_TAG, signalProcess, taggedProcesses } from '../../../src/machine/process/processes.ts'
import { agentProgram, RESULT_LINE } from '../../support/agent-program.ts'
import { patience } from '../../support/patience.ts'
import { sleepingAgent } from '../../support/sleeping-agent.ts'
import { tempFolder } from '../../support/temp.ts'
import { waitFor } from '../../support/wait-for.ts'

const program = new URL('../../support/supervise.ts', import.meta.url).pathname
const never = new AbortController().signal

function stage(script: string, limits: Partial<AttemptSpec> = {}) {
  const home = tempFolder()
  const runId = `run_test${Math.random().toString(36).slice(2)}`
  const supervision = openSupervision({ home, agentId: 'dev_001', self: [process.execPath, program], env: process.env, killGraceMs: 1_000 })
  onTestFinished(async () => {
    await supervision.sweep(runId)
  })
  writeFileSync(join(home, 'prompt.md'), 'the prompt\n')
  const spec: AttemptSpec = {
    version: 1,
    runId,
    attempt: 1,
    command: { need: 'agent', file: agentProgram(home, script), args: [], env: {} },
    cwd: home,
    promptFile: join(home, 'prompt.md'),
    resultLine: { key: 'type', value: 'result' },
    deadlineMs: 60_000,
    silentAfterMs: 60_000,
    resultGraceMs: 60_000,
    killGraceMs: 1_000,
    ...limits,
  }
  const lines: string[] = []
  const folder = attemptFolder(home, runId, 1)
  const follow = () => supervision.follow(runId, 1, line => lines.push(line), never)
  return { home, runId, supervision, spec, lines, folder, follow }
}

test('an attempt gets its prompt on stdin and its lines and exit code are handed over', async () => {
  const { supervision, spec, lines, follow } = stage('cat; echo two; printf three; exit 7')
  await supervision.start(spec)
  expect(await follow()).toMatchObject({ code: 7, signal: null, cause: null })
  expect(lines).toEqual(['the prompt', 'two', 'three'])
})

test('a program that is not there is an exit record, not an exception', async () => {
  const { supervision, spec, follow } = stage('')
  await supervision.start({ ...spec, command: { need: 'agent', file: '/no/such/agent', args: [], env: {} } })
  expect(await follow()).toMatchObject({ cause: 'start_failed' })
})

/** Files that a supervisor opens before those of its agent, and how many more it may open: too few to start a program with. */
const LOCK = 1
test.runIf(process.platform === 'linux').each([2, 3, 4])(
  'a supervisor with room for %i more open files says that there is no room, and not that the agent is missing',
  async more => {
    const { supervision, runId, spec, follow } = stage('echo never')
    supervision.ready(runId)
    const pid = await waitFor('it waits for its attempt', () => {
      const found = taggedProcesses(RUN_TAG, runId)[0]?.pid
      // Reads from its stdin.
      return found && readFileSync(`/proc/${found}/syscall`, 'utf8').startsWith('0 0x0 ') && found
    })
    const open = new Set(readdirSync(`/proc/${pid}/fd`).map(Number))
    const free = Array.from({ length: 100 }, (_, n) => n).filter(n => !open.has(n))
    execFileSync('prlimit', ['--pid', `${pid}`, `--nofile=${free[LOCK + more]}`])
    await supervision.start(spec)
    expect(await follow()).toMatchObject({ cause: 'no_room', message: expect.stringContaining('EMFILE') })
  },
)

test('an agent that ignores TERM is killed at its deadline, its children in other sessions too', async () => {
  const { supervision, spec, follow, runId } = stage("trap '' TERM; setsid sleep 300 & while :; do sleep 1; done", { deadlineMs: 300 })
  await supervision.start(spec)
  expect(await follow()).toMatchObject({ cause: 'deadline', signal: 'SIGKILL' })
  await waitFor('all gone', () => taggedProcesses(RUN_TAG, runId).length === 0)
})

test('an agent that hangs after its result is ended and the cause says so', async () => {
  const { supervision, spec, lines, follow } = stage(`echo '${RESULT_LINE}'; exec sleep 300`, { resultGraceMs: 200 })
  await supervision.start(spec)
  expect(await follow()).toMatchObject({ cause: 'hung_after_result' })
  expect(lines).toEqual([RESULT_LINE])
})

test('an agent without output and processor use is ended as silent; one that computes is not', async () => {
  const silentAfterMs = patience(1_500)
  const silent = stage('exec sleep 300', { silentAfterMs })
  const seconds = Math.ceil((3 * silentAfterMs) / 1000)
  const busy = stage(`end=$(( $(date +%s) + ${seconds} )); while [ $(date +%s) -lt $end ]; do :; done`, { silentAfterMs })
  await Promise.all([silent.supervision.start(silent.spec), busy.supervision.start(busy.spec)])
  const [first, second] = await Promise.all([silent.follow(), busy.follow()])
  expect(first).toMatchObject({ cause: 'silent' })
  expect(second).toMatchObject({ cause: null, code: 0 })
})

test('stopping ends the tree and leaves an exit record that says so', async () => {
  const { supervision, spec, follow, runId } = stage('setsid sleep 300 & exec sleep 300')
  await supervision.start(spec)
  await supervision.stop(runId, 1)
  expect(await follow()).toMatchObject({ cause: 'stopped', signal: 'SIGTERM' })
  expect(taggedProcesses(RUN_TAG, runId)).toEqual([])
})

test('stopping with a grace of its own does not wait for the longer one of an agent that ignores TERM, children in other sessions included', async () => {
  const { supervision, spec, follow, runId } = stage(
    "trap '' TERM; setsid sh -c \"trap '' TERM; while :; do sleep 1; done\" & while :; do sleep 1; done",
    {
      killGraceMs: 3_600_000,
    },
  )
  await supervision.start(spec)
  await waitFor('agent and child', () => taggedProcesses(RUN_TAG, runId).length >= 5)
  await supervision.stop(runId, 1, 200)
  expect(await follow()).toMatchObject({ cause: 'stopped', signal: 'SIGKILL' })
  expect(taggedProcesses(RUN_TAG, runId)).toEqual([])
})

test('daemons that an agent leaves are ended when it has ended', async () => {
  const { supervision, spec, follow, runId, home } = stage('(setsid sh -c "echo $$ > daemon; exec sleep 300" &) ; sleep 0.2; exit 0')
  await supervision.start(spec)
  expect(await follow()).toMatchObject({ code: 0, cause: null })
  await waitFor('no process left', () => existsSync(join(home, 'daemon')) && taggedProcesses(RUN_TAG, runId).length === 0)
})

test('an attempt starts at most once', async () => {
  const { supervision, spec, follow, home } = stage('echo started >> starts; sleep 0.3')
  await Promise.all([supervision.start(spec), supervision.start(spec)])
  await follow()
  await supervision.start(spec)
  expect(readFileSync(join(home, 'starts'), 'utf8')).toBe('started\n')
})

test('a supervisor that is killed before it has its agent on record is no fault of the start', async () => {
  const { supervision, spec, follow, folder } = stage('echo started')
  mkdirSync(folder, { recursive: true })
  const gone = { ...identify(process.pid)!, start: '1' }
  const record = { version: 1, supervisor: gone, agent: null, startedAt: new Date().toISOString(), startedUptime: uptime() * 1000 }
  writeFileSync(join(folder, 'started.json'), JSON.stringify(record))
  expect(await supervision.start(spec)).toEqual(gone)
  expect(await follow()).toBeNull()
  expect(existsSync(join(folder, 'stdout.jsonl'))).toBe(false)
})

test('what is found after a death: never started, alive, exited, gone', async () => {
  const { supervision, spec, runId, folder } = stage('exec sleep 300')
  expect(supervision.inspect(runId, 1)).toEqual({ state: 'never_started' })
  const supervisor = await supervision.start(spec)
  expect(supervision.inspect(runId, 1)).toMatchObject({ state: 'alive', supervisor })
  signalProcess(supervisor!, 'SIGKILL')
  // The main thread is dead a little before the process lets go of its lock.
  await waitFor('supervisor gone', () => supervision.inspect(runId, 1).state === 'gone')
  const agent = readAttemptFile(folder, 'started')!.agent!
  expect(isAlive(agent)).toBe(true)
  expect(await supervision.sweep(runId)).toBe(1)
  expect(isAlive(agent)).toBe(false)
  const again = stage('exit 0')
  await again.supervision.start(again.spec)
  await again.follow()
  expect(again.supervision.inspect(again.runId, 1)).toMatchObject({ state: 'exited', exit: { code: 0 } })
})

test('following an attempt whose supervisor was killed ends with null', async () => {
  const { supervision, spec, follow } = stage('echo one; exec sleep 300')
  const supervisor = await supervision.start(spec)
  const following = follow()
  signalProcess(supervisor!, 'SIGKILL')
  expect(await following).toBeNull()
})

test('an adopted attempt is followed from its first line', async () => {
  const { supervision, spec, lines, follow, home, runId } = stage('echo one; while [ ! -e go ]; do sleep 0.05; done; echo two')
  await supervision.start(spec)
  const cut = new AbortController()
  const first = supervision.follow(runId, 1, () => cut.abort(), cut.signal)
  await expect(first).rejects.toThrow()
  const second = follow()
  await waitFor('first line again', () => lines.length === 1)
  writeFileSync(join(home, 'go'), '')
  expect(await second).toMatchObject({ code: 0 })
  expect(lines).toEqual(['one', 'two'])
})

/** The most memory that a live process has had, in bytes. */
const peakOf = (pid: number) => Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) * 1024

test('a gigabyte of output is followed in bounded memory, without holding anything else up', async () => {
  const lines = `yes "$(head -c 4000 /dev/zero | tr '\\0' x)" | head -c 700000000; head -c 300000000 /dev/zero; echo; echo end`
  const { supervision, spec, lines: seen, runId, home } = stage(`${lines}; while [ ! -e go ]; do sleep 0.05; done`)
  const supervisor = await supervision.start(spec)
  const before = process.memoryUsage().rss
  let last = ''
  let count = 0
  const onLine = (line: string) => {
    count++
    last = line
  }
  let beats = 0
  const heart = setInterval(() => beats++, 20)
  const following = supervision.follow(runId, 1, onLine, never)
  await waitFor('all is read', () => last === 'end')
  expect(peakOf(supervisor!.pid)).toBeLessThan(250_000_000)
  writeFileSync(join(home, 'go'), '')
  expect(await following).toMatchObject({ code: 0, cause: null })
  clearInterval(heart)
  expect(count).toBeGreaterThan(170_000)
  expect(seen).toEqual([])
  expect(beats).toBeGreaterThan(20)
  expect(process.memoryUsage().rss - before).toBeLessThan(150_000_000)
})

test('a flood does not keep the deadline waiting', async () => {
  // Short lines are slower to read than to write, and every second of it leaves more to read.
  const { supervision, spec, folder } = stage('while :; do yes | head -c 20000000; sleep 0.1; done', { deadlineMs: 1_500 })
  await supervision.start(spec)
  const exit = await waitFor('the end', () => readAttemptFile(folder, 'exit'))
  expect(exit).toMatchObject({ cause: 'deadline' })
})

test('half a line, nothing but bytes, and a result without a newline are read for what they are', async () => {
  const { supervision, spec, lines, follow } = stage(`printf '{"type":"assi'; printf '\\n\\377\\376\\000\\303\\n'; printf '${RESULT_LINE}'`)
  await supervision.start(spec)
  expect(await follow()).toMatchObject({ code: 0, cause: null })
  expect(lines).toEqual(['{"type":"assi', '\ufffd\ufffd\0\ufffd', RESULT_LINE])
})

test('a process is known by boot, pid and start, so a used-again pid is never signalled', () => {
  const self = identify(process.pid)!
  expect(isAlive(self)).toBe(true)
  expect(isAlive({ ...self, start: '1' })).toBe(false)
  expect(isAlive({ ...self, bootId: 'another' })).toBe(false)
  expect(signalProcess({ ...self, start: '1' }, 'SIGKILL')).toBe(false)
})

test('an agent that has a run under the same id in another state folder, by the same agent id, is not touched', async () => {
  const runId = newRunId()
  const [home, link, elsewhere] = [tempFolder(), join(tempFolder(), 'link'), tempFolder()]
  symlinkSync(home, link)
  const [own, other] = [await sleepingAgent(home, runId), await sleepingAgent(elsewhere, runId)]
  await own.sweep(runId)
  expect(own.inspect(runId, 1).state).toBe('exited')
  expect(other.inspect(runId, 1).state).toBe('alive')
  expect(runProcesses(home, runId, null, 'dev_001').others).toEqual([])
  expect(taggedProcesses(RUN_TAG, runId, agentTag('dev_001', elsewhere)).length).toBeGreaterThan(0)
  expect(agentTag('dev_001', link)).toBe(agentTag('dev_001', home))
})
