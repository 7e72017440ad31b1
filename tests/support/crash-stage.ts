import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, existsSync, mkdirSync, openSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished } from 'vitest'
import type { StampedEvent } from '../../src/core/event.ts'
import type { RunRecord } from '../../src/core/run.ts'
import { attemptFolder, readAttemptFile, type StartedRecord } from '../../src/machine/attempts/attempt-files.ts'
import { lockFilePath, readLockFile } from '../../src/machine/journal/lock-file.ts'
import { openRunFiles } from '../../src/machine/journal/run-files.ts'
import { endTagged, isAlive, RUN_TAG, signalProcess } from '../../src/machine/process/processes.ts'
import { agentProgram } from './agent-program.ts'
import { type CrashAgent, crashAgent } from './crash-agent.ts'
import { type CrashBoard, embeddedBoard, headlessPmBoard, type PmBoard } from './crash-board.ts'
import { endsWithUs } from './ends-with-us.ts'
import { git, gitRepo } from './git-repo.ts'
import { MAIN } from './program.ts'
import { watchProgram } from './started-programs.ts'
import { tempFolder } from './temp.ts'
import { waitFor } from './wait-for.ts'

const AGENT_ID = 'dev_001'

/** The real program as a child process of the test. */
export interface RunnerProcess {
  pid: number
  /** How it ended; waits for that. */
  exit: Promise<{ code: number | null; signal: string | null }>
  running(): boolean
  signal(name: NodeJS.Signals): void
  output(): string
}

/** A machine on which a runner is killed and started again: its state folder, repository, tracker and agent, all real. */
export interface CrashStage<B extends CrashBoard = CrashBoard> {
  root: string
  /** The state folder. */
  home: string
  /** The agent's HOME. */
  user: string
  /** A folder that is first on the PATH. */
  bin: string
  repo: string
  board: B
  agent: CrashAgent
  git(...args: string[]): string
  /** Starts the program, or another one (`main`); `fault` kills it at that point, or stops it there (see src/cli/compose/fault.ts). */
  start(options?: { fault?: string; continuous?: boolean; agentId?: string; role?: string; main?: string }): RunnerProcess
  /** Starts the program with the fault, and waits until it was killed by it. */
  killedAt(fault: string): Promise<void>
  /** Starts the program and waits for its end with exit code 0 (or the code). */
  finish(code?: number): Promise<RunnerProcess>
  /** The lock file; null when there is none. */
  lock(): RunRecord | null
  runs(): string[]
  events(): StampedEvent[]
  /** What supervisor and agent of an attempt wrote about themselves. */
  attempt(number?: number): StartedRecord | null
  /** Kills exactly the process that the attempt's record names, and waits until it is gone. */
  killSupervisor(attempt?: number): Promise<void>
  killAgent(attempt?: number): Promise<void>
}

export interface StageOptions {
  /** More of the runner's environment. */
  env?: Record<string, string>
  /** Makes the state folder, in some way of its own. */
  makeHome?: (home: string) => void
  /** Makes the folder of the repository, in some way of its own. */
  makeRepo?: (folder: string) => void
}

export async function embeddedStage(options: StageOptions = {}): Promise<CrashStage> {
  return stageWith(options, (home, repo) => embeddedBoard(home, repo))
}

export async function headlessPmStage(options: StageOptions = {}): Promise<CrashStage<PmBoard>> {
  return stageWith(options, headlessPmBoard)
}

async function stageWith<B extends CrashBoard>(
  { env: moreEnv, makeHome, makeRepo }: StageOptions,
  openBoard: (home: string, repo: string) => Promise<B>,
): Promise<CrashStage<B>> {
  const root = tempFolder('agent-runner-crash-')
  const home = join(root, 'home')
  for (const folder of ['user', 'hooks', 'bin', 'logs']) mkdirSync(join(root, folder))
  if (makeHome) makeHome(home)
  else mkdirSync(home)
  makeRepo?.(join(root, 'repo'))
  const repo = gitRepo({ 'README.md': '# demo\n' }, join(root, 'repo'))
  for (const hook of ['pre_task', 'post_task', 'health_check']) agentProgram(join(root, 'hooks'), 'exit 0', hook)
  const board = await openBoard(home, repo)
  const user = join(root, 'user')
  const agent = crashAgent(user)
  const children = new Set<ChildProcess>()
  const env: NodeJS.ProcessEnv = {
    PATH: `${join(root, 'bin')}:${process.env.PATH}`,
    HOME: user,
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_CONFIG_NOSYSTEM: '1',
    HEADLESS_PM_HOME: home,
    HEADLESS_PM_CLAUDE_COMMAND: agent.program,
    HEADLESS_PM_HOOKS_DIR: join(root, 'hooks'),
    HEADLESS_PM_KILL_GRACE: '1',
    ...board.env,
    ...moreEnv,
  }

  const runs = () => (existsSync(join(home, 'runs')) ? readdirSync(join(home, 'runs')).filter(name => name.startsWith('run_')) : [])
  const lastRun = () => runs().toSorted().at(-1) ?? 'none'
  const attempt = (number = 1) => readAttemptFile(attemptFolder(home, lastRun(), number), 'started')

  async function kill(who: 'supervisor' | 'agent', number?: number): Promise<void> {
    const identity = await waitFor(`the ${who} is on record`, () => attempt(number)?.[who])
    signalProcess(identity, 'SIGKILL')
    await waitFor(`the ${who} is gone`, () => !isAlive(identity))
  }

  onTestFinished(async () => {
    agent.letGo()
    for (const child of children) child.kill('SIGKILL')
    for (const child of children) await waitFor('the runner is gone', () => child.exitCode !== null || child.signalCode !== null)
    for (const run of runs()) await endTagged(RUN_TAG, run, 0)
  })

  function start(options: Parameters<CrashStage['start']>[0] = {}): RunnerProcess {
    const { fault, continuous, agentId = AGENT_ID, role = 'backend_dev', main = MAIN } = options
    const log = join(root, 'logs', `runner-${children.size}.log`)
    const file = openSync(log, 'a')
    const args = [main, 'run', '--role', role, '--agent-id', agentId, ...(continuous ? [] : ['--single-task'])]
    const child = spawn(process.execPath, args, {
      cwd: repo,
      env: { ...env, ...(fault && { AGENT_RUNNER_FAULT: fault }) },
      stdio: ['ignore', file, file],
    })
    endsWithUs(child)
    closeSync(file)
    children.add(child)
    const exit = new Promise<{ code: number | null; signal: string | null }>((resolve, reject) => {
      child.once('error', reject)
      child.once('exit', (code, signal) => resolve({ code, signal }))
    })
    const running = () => child.exitCode === null && child.signalCode === null
    const output = () => readFileSync(log, 'utf8')
    let signalled = false
    const forget = watchProgram({
      ended: () => (running() ? null : { code: child.exitCode, signal: child.signalCode }),
      meantToEnd: () => signalled || fault !== undefined,
      output,
    })
    onTestFinished(forget)
    return {
      pid: child.pid ?? 0,
      exit,
      running,
      signal(name) {
        signalled = true
        child.kill(name)
      },
      output,
    }
  }

  const stage: CrashStage<B> = {
    root,
    home,
    user,
    bin: join(root, 'bin'),
    repo,
    board,
    agent,
    git: (...args) => git(repo, ...args),
    start,
    async killedAt(fault) {
      const runner = start({ fault })
      const exit = await runner.exit
      expect(exit, `killed at ${fault}:\n${runner.output()}`).toEqual({ code: null, signal: 'SIGKILL' })
    },
    async finish(code = 0) {
      const runner = start()
      const exit = await runner.exit
      expect(exit, runner.output()).toEqual({ code, signal: null })
      return runner
    },
    lock() {
      try {
        return readLockFile(lockFilePath(home, AGENT_ID))
      } catch (error) {
        // It goes at the end of a run, also between two looks at it.
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
        throw error
      }
    },
    runs,
    events: () => runs().toSorted().flatMap(openRunFiles(home).events),
    attempt,
    killSupervisor: number => kill('supervisor', number),
    killAgent: number => kill('agent', number),
  }
  return stage
}
