import { closeSync, existsSync, mkdirSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { RunRecord } from '../../core/run.ts'
import { attemptFolder, lastAttempt, readAttemptFile, type StartedRecord } from '../../machine/attempts/attempt-files.ts'
import { lockFilePath, readLockFile } from '../../machine/journal/lock-file.ts'
import { openRunFiles } from '../../machine/journal/run-files.ts'
import { startChild } from '../../machine/process/start-child.ts'
import { type Account, accountOf } from './account.ts'
import { type Ground, running, textOf } from './ground.ts'

/** One start of the program under test. */
export interface Runner {
  pid: number
  /** Epoch milliseconds. */
  startedAt: number
  endedAt: number | null
  exit: Promise<{ code: number | null; signal: string | null }>
  running(): boolean
  signal(name: NodeJS.Signals): void
  output(): string
  /** The unfinished run that it found, and how many events that had; null when there was none. */
  found: { runId: string; events: number } | null
}

/** One agent id with a HOME of its own, and all the runners that were started for it. */
export interface Lane {
  agentId: string
  runners: Runner[]
  /** The runner that works now; a started one when none does. */
  runner(): Runner
  /** `single`: it does one task and ends, whatever the lane's other runners do. */
  start(options?: { fault?: string; single?: boolean }): Runner
  /** The lock file; null when nothing is unfinished, or while it cannot be read. */
  lock(): RunRecord | null
  account(runId: string): Account
  /** What supervisor and agent of the latest attempt wrote about themselves. */
  attempt(): StartedRecord | null
}

/**
 * A lane, whose runners do one task each, or work on until they are ended. Nothing is started. When the signal fires, its runner is
 * killed, and `start` throws the signal's reason.
 */
export function openLane(ground: Ground, agentId: string, signal: AbortSignal, { continuous = false } = {}): Lane {
  const { root, home, repo, self } = ground
  const user = join(root, 'users', agentId)
  mkdirSync(user, { recursive: true })
  const runners: Runner[] = []
  let starts = 0

  function lock(): RunRecord | null {
    try {
      const path = lockFilePath(home, agentId)
      return existsSync(path) ? readLockFile(path) : null
    } catch {
      return null
    }
  }

  function start({ fault, single = !continuous }: { fault?: string; single?: boolean } = {}): Runner {
    signal.throwIfAborted()
    const log = join(root, 'logs', `${agentId}-${starts++}.log`)
    const file = openSync(log, 'a')
    const unfinished = lock()
    const [program = '', ...words] = self
    const args = [...words, 'run', '--role', 'backend_dev', '--agent-id', agentId, ...(single ? ['--single-task'] : [])]
    const set = { ...ground.env, HOME: user, ...(fault && { AGENT_RUNNER_FAULT: fault }) }
    const found = unfinished && { runId: unfinished.runId, events: openRunFiles(home).events(unfinished.runId).length }
    const startedAt = Date.now()
    const child = startChild({ need: 'own', file: program, args, cwd: repo, ours: {}, set }, ['ignore', file, file])
    closeSync(file)
    const end = () => void child.kill('SIGKILL')
    signal.addEventListener('abort', end)
    const exit = new Promise<{ code: number | null; signal: string | null }>((resolve, reject) => {
      child.once('error', reject)
      child.once('exit', (code, by) => {
        runner.endedAt = Date.now()
        signal.removeEventListener('abort', end)
        resolve({ code, signal: by })
      })
    })
    const runner: Runner = {
      pid: child.pid ?? 0,
      startedAt,
      endedAt: null,
      exit,
      running: () => running(child),
      signal: name => void child.kill(name),
      output: () => textOf(log),
      found,
    }
    runners.push(runner)
    return runner
  }

  return {
    agentId,
    runners,
    start,
    runner() {
      const last = runners.at(-1)
      return last?.running() ? last : start()
    },
    lock,
    account: runId => accountOf(join(user, 'agent.log'), runId),
    attempt() {
      const record = lock()
      if (!record) return null
      return readAttemptFile(attemptFolder(home, record.runId, lastAttempt(home, record.runId)), 'started')
    },
  }
}

/** Waits until the condition returns something truthy; null when the time (milliseconds) is over, or `over` says so. */
export async function until<T>(condition: () => T, ms: number, over: () => boolean = () => false): Promise<NonNullable<T> | null> {
  const end = performance.now() + ms
  for (;;) {
    const isOver = over() || performance.now() > end
    const value = condition()
    if (value) return value
    if (isOver) return null
    await delay(10)
  }
}
