import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { attemptFolder } from '../../src/machine/attempts/attempt-files.ts'
import { lockFilePath } from '../../src/machine/journal/lock-file.ts'
import { identify, isAlive, signalProcess } from '../../src/machine/process/processes.ts'
import { agentProgram } from '../support/agent-program.ts'
import { type CrashStage, embeddedStage } from '../support/crash-stage.ts'
import { expectDoneOnce } from '../support/invariants.ts'
import { waitFor } from '../support/wait-for.ts'

async function atWork(stage: CrashStage) {
  const id = await stage.board.add('Make it so', 'major')
  stage.agent.hold(2)
  const runner = stage.start()
  await waitFor('an agent at work', () => stage.attempt()?.agent && stage.agent.written().length === 2)
  return { id, runner }
}

async function killed(runner: { signal(name: NodeJS.Signals): void; exit: Promise<unknown> }) {
  runner.signal('SIGKILL')
  await runner.exit
}

/** Changes a JSON file as text. */
function edit(path: string, change: (text: string) => string): void {
  writeFileSync(path, change(readFileSync(path, 'utf8')))
}

/** A process that has nothing to do with any run. */
function decoy(): ChildProcess {
  const child = spawn('sleep', ['300'], { stdio: 'ignore' })
  onTestFinished(() => void child.kill('SIGKILL'))
  return child
}

const startedFile = (stage: CrashStage) => join(attemptFolder(stage.home, stage.runs()[0]!, 1), 'started.json')

test('after a reboot nothing that is on record is taken for alive, and the session is resumed', async () => {
  const stage = await embeddedStage()
  const { id, runner } = await atWork(stage)
  const { bootId } = identify(process.pid)!
  await killed(runner)
  await stage.killSupervisor()
  await stage.killAgent()
  // Other processes have the pids of that boot now, one of them with the very same start time.
  const other = decoy()
  const mine = identify(other.pid!)!
  for (const path of [startedFile(stage), lockFilePath(stage.home, 'dev_001')])
    edit(path, text =>
      text
        .replaceAll(bootId, '00000000-0000-4000-8000-000000000000')
        .replaceAll(/"pid": ?\d+/g, `"pid":${mine.pid}`)
        .replaceAll(/"start": ?"\d+"/g, `"start":"${mine.start}"`),
    )
  stage.agent.letGo()
  await stage.finish()
  expect(isAlive(mine)).toBe(true)
  const [first, second, ...more] = stage.agent.starts()
  expect(more).toEqual([])
  expect(second).toMatchObject({ mode: 'resume', sessionId: first!.sessionId })
  await expectDoneOnce(stage, id)
})

test('a process that got the pid of a dead supervisor or agent is never signalled', async () => {
  const stage = await embeddedStage()
  const { id, runner } = await atWork(stage)
  await killed(runner)
  await stage.killSupervisor()
  await stage.killAgent()
  const other = decoy()
  edit(startedFile(stage), text => text.replaceAll(/"pid":\d+/g, `"pid":${other.pid}`))
  stage.agent.letGo()
  await stage.finish()
  expect(other.exitCode ?? other.signalCode).toBeNull()
  await expectDoneOnce(stage, id)
})

test('a runner that stands still keeps its agent id, and goes on where it was', async () => {
  const stage = await embeddedStage()
  const { id, runner } = await atWork(stage)
  runner.signal('SIGSTOP')
  const second = stage.start()
  expect((await second.exit).code).toBe(75)
  expect(second.output()).toContain(String(runner.pid))
  stage.agent.letGo()
  await waitFor('the agent has ended', () => existsSync(join(attemptFolder(stage.home, stage.runs()[0]!, 1), 'exit.json')))
  runner.signal('SIGCONT')
  expect(await runner.exit, runner.output()).toEqual({ code: 0, signal: null })
  expect(stage.agent.starts()).toHaveLength(1)
  await expectDoneOnce(stage, id)
})

test('a supervisor that stands still is adopted as it is, and nothing is started beside it', async () => {
  const stage = await embeddedStage()
  const { id, runner } = await atWork(stage)
  const supervisor = stage.attempt()!.supervisor
  signalProcess(supervisor, 'SIGSTOP')
  await killed(runner)
  const second = stage.start()
  await waitFor('adopted', () => stage.events().some(event => event.type === 'recovered' && event.decision === 'adopted'))
  stage.agent.letGo()
  await waitFor('the agent has said its last word', () => stage.agent.starts()[0]!.ended)
  signalProcess(supervisor, 'SIGCONT')
  expect(await second.exit, second.output()).toEqual({ code: 0, signal: null })
  expect(stage.agent.starts()).toHaveLength(1)
  await expectDoneOnce(stage, id)
})

test.for([0, 30, 80])(
  'a runner killed %i ms after it began to start a supervisor: that supervisor and the next never both start the agent',
  async ms => {
    const stage = await embeddedStage()
    const id = await stage.board.add('Make it so', 'major')
    const first = stage.start()
    await waitFor(
      'about to start',
      () => stage.runs()[0] && existsSync(join(attemptFolder(stage.home, stage.runs()[0]!, 1), 'attempt.json')),
    )
    await new Promise(resolve => setTimeout(resolve, ms))
    await killed(first)
    const second = stage.start()
    expect((await second.exit).signal, second.output()).toBeNull()
    expect(stage.agent.starts()).toHaveLength(1)
    await expectDoneOnce(stage, id)
  },
)

test('a supervisor that somebody else ends does not end the runner: the session is resumed', async () => {
  const stage = await embeddedStage()
  const { id, runner } = await atWork(stage)
  signalProcess(stage.attempt()!.supervisor, 'SIGTERM')
  await waitFor('a second attempt', () => stage.agent.starts().length === 2)
  stage.agent.letGo()
  expect(await runner.exit, runner.output()).toEqual({ code: 0, signal: null })
  expect(stage.agent.starts()[1]).toMatchObject({ mode: 'resume' })
  await expectDoneOnce(stage, id)
})

test('a hook between tasks that a killed runner left behind is ended before the next runner runs one, also by the one after the next', async () => {
  const stage = await embeddedStage()
  const id = await stage.board.add('Make it so', 'major')
  const pidFile = join(stage.root, 'hook-pid')
  agentProgram(join(stage.root, 'hooks'), `echo $$ >'${pidFile}.new'; mv '${pidFile}.new' '${pidFile}'; exec sleep 300`, 'health_check')
  const runner = stage.start()
  const hook = await waitFor('the hook', () => (existsSync(pidFile) ? identify(Number(readFileSync(pidFile, 'utf8'))) : null))
  await killed(runner)
  expect(isAlive(hook)).toBe(true)
  agentProgram(
    join(stage.root, 'hooks'),
    `grep -q sleep /proc/${hook.pid}/cmdline 2>/dev/null && touch '${pidFile}.two'; exit 0`,
    'health_check',
  )
  // Refused before it gets that far: what the dead one left is still there for the next.
  await stage.start({ role: 'nonsense' }).exit
  await stage.finish()
  expect(isAlive(hook)).toBe(false)
  expect(existsSync(`${pidFile}.two`)).toBe(false)
  await expectDoneOnce(stage, id)
})
