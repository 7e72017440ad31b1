import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay, setImmediate } from 'node:timers/promises'
import { asRunnerError, isShortage, RunnerError } from '../../core/errors.ts'
import type { ExitRecord } from '../../core/ports/agent.ts'
import type { AttemptSpec, AttemptState, Supervision } from '../../core/ports/supervision.ts'
import type { ProcessIdentity } from '../../core/run.ts'
import { privateFolder, replaceFile } from '../files/durable-file.ts'
import { lastBytes } from '../files/file-chunks.ts'
import { FileLines } from '../files/file-lines.ts'
import { systemClock } from '../limits/clock.ts'
import { isLocked } from '../locks/os-lock.ts'
import { childEnvironment } from '../process/child-environment.ts'
import { removeGroup, runGroup } from '../process/groups.ts'
import { AGENT_TAG, agentTag, endTagged, isAlive, RUN_TAG, signalProcess, taggedProcesses } from '../process/processes.ts'
import { ATTEMPT_FILES, attemptFolder, lastAttempt, readAttemptFile } from './attempt-files.ts'
import { ReadySupervisor } from './supervisor-process.ts'

/** How long a supervisor may take to start the agent before that counts as a fault of this machine. */
const START_MS = 30_000
/** How long past the deadline a supervisor is trusted to act; then the runner ends the tree itself. */
const OVERDUE_MS = 15_000
/** If two looks are further apart than this, we stood still or the machine was asleep, and perhaps the supervisor too. Milliseconds. */
const STOOD_STILL_MS = 5_000
/** How long to wait for a supervisor that is about to end, before it is killed. */
const LEAVING_MS = 500
/** How much output is read before signals, heartbeats and the clock get their turn. */
const TURN_BYTES = 2 * 1024 * 1024

/** The state of an attempt. Only looks. */
export function attemptState(home: string, runId: string, attempt: number): AttemptState {
  const folder = attemptFolder(home, runId, attempt)
  // Keep this order: a supervisor that is just starting or ending must not look like one that was killed.
  const started = readAttemptFile(folder, 'started')
  const alive = isLocked(join(folder, ATTEMPT_FILES.lock))
  const exit = readAttemptFile(folder, 'exit')
  if (exit) return { state: 'exited', exit }
  if (alive) return { state: 'alive', supervisor: started?.supervisor ?? null }
  return started ? { state: 'gone' } : { state: 'never_started' }
}

export interface SupervisionOptions {
  home: string
  /** The agent for which attempts are started and ended. */
  agentId: string
  /** Starts this program. */
  self: string[]
  /** Our environment. What agents see of it follows from their need. */
  env: NodeJS.ProcessEnv
  killGraceMs: number
}

/** Attempts under supervisors of their own. */
export function openSupervision(options: SupervisionOptions): Supervision {
  const folderOf = (runId: string, attempt: number) => attemptFolder(options.home, runId, attempt)

  const owner = agentTag(options.agentId, options.home)
  const launchOf = (runId: string) => ({ ...options, runId })
  const ready = new Map<string, ReadySupervisor>()
  /** Supervisors that have seen their attempt to its end, by run. */
  const leaving = new Map<string, ProcessIdentity>()

  async function start(spec: AttemptSpec): Promise<ProcessIdentity | null> {
    const folder = privateFolder(folderOf(spec.runId, spec.attempt))
    // It is written anew at each start, and after the next boot there is no supervisor to read it.
    replaceFile(join(folder, ATTEMPT_FILES.spec), JSON.stringify(spec), 'kill')
    const launch = launchOf(spec.runId)
    const waiting = ready.get(spec.runId)
    ready.delete(spec.runId)
    const told = {
      folder,
      env: childEnvironment(spec.command.need, options.env, { ...spec.command.env, [RUN_TAG]: spec.runId, [AGENT_TAG]: owner }),
    }
    const another = () => new ReadySupervisor(launch).take(told)!
    let supervisor = waiting?.take(told) ?? null
    // A supervisor that died before it took over has left no record, so another may start the attempt. If there is a record, the next one
    // finds it.
    let spare = supervisor !== null
    supervisor ??= another()
    for (let waited = 0; waited < START_MS; ) {
      if (readAttemptFile(folder, 'exit')) return null
      const started = readAttemptFile(folder, 'started')
      if (started?.agent) return started.supervisor
      // Another supervisor of the same attempt may have won: then ours exits, and the files tell.
      if (supervisor.failure && !isLocked(join(folder, ATTEMPT_FILES.lock))) {
        if (readAttemptFile(folder, 'exit')) continue
        // Killed between its first record and that of the agent: whether one was started is for the sweep to find out.
        const cutOff = readAttemptFile(folder, 'started')
        if (cutOff) return cutOff.supervisor
        if (spare) {
          spare = false
          supervisor = another()
          continue
        }
        if (supervisor.startError && isShortage(supervisor.startError)) throw asRunnerError(supervisor.startError)
        throw new RunnerError(
          'SUPERVISOR_FAILED',
          `${supervisor.failure}: ${lastBytes(join(folder, ATTEMPT_FILES.log), 500).trim() || 'no message'}`,
        )
      }
      const pause = waited < 50 ? 1 : waited < 200 ? 4 : 25
      await delay(pause)
      waited += pause
    }
    throw new RunnerError('SUPERVISOR_FAILED', `the supervisor did not start the agent within ${START_MS / 1000} s`)
  }

  async function follow(runId: string, attempt: number, onLine: (line: string) => void, signal: AbortSignal): Promise<ExitRecord | null> {
    const folder = folderOf(runId, attempt)
    const spec = readAttemptFile(folder, 'spec')
    const lines = new FileLines(join(folder, ATTEMPT_FILES.stdout), folder)
    try {
      let awakeSince = 0
      for (let checkAt = 0; ; ) {
        // The order matters: what was written before the exit record is read after it.
        const exit = readAttemptFile(folder, 'exit')
        if (exit) {
          await readAll()
          const started = readAttemptFile(folder, 'started')
          if (started) leaving.set(runId, started.supervisor)
          return exit
        }
        const bytes = lines.read(onLine, TURN_BYTES)
        signal.throwIfAborted()
        const now = systemClock.uptime()
        if (now >= checkAt) {
          if (checkAt > 0 && now - checkAt > STOOD_STILL_MS) awakeSince = now
          checkAt = now + 1_000
          const started = readAttemptFile(folder, 'started')
          if (!(started && isAlive(started.supervisor)) && !isLocked(join(folder, ATTEMPT_FILES.lock))) {
            if (existsSync(join(folder, ATTEMPT_FILES.exit))) continue
            await readAll()
            return null
          }
          if (started && spec && now - Math.max(started.startedUptime + spec.deadlineMs + spec.killGraceMs, awakeSince) > OVERDUE_MS) {
            await sweep(runId)
            await readAll()
            return overdue(started.startedAt, now - started.startedUptime)
          }
        }
        if (bytes >= TURN_BYTES) await setImmediate()
        else await lines.changed(Math.min(1_000, Math.max(1, checkAt - now)), signal)
      }
    } finally {
      lines.close()
    }

    /** To the end of what a dead agent wrote. */
    async function readAll(): Promise<void> {
      while (lines.read(onLine, TURN_BYTES)) await setImmediate()
      lines.rest(onLine)
    }
  }

  async function stop(runId: string, attempt: number, graceMs = Number.POSITIVE_INFINITY): Promise<void> {
    const supervisor = readAttemptFile(folderOf(runId, attempt), 'started')?.supervisor
    const asked = systemClock.uptime()
    if (supervisor && signalProcess(supervisor, 'SIGTERM'))
      for (let ms = 0; ms < options.killGraceMs + 5_000 && isAlive(supervisor); ms = systemClock.uptime() - asked) {
        // Do not signal the supervisor, which only knows the longer grace: it still has to record how the agent ended.
        if (ms >= graceMs)
          for (const row of taggedProcesses(RUN_TAG, runId, owner)) if (row.pid !== supervisor.pid) signalProcess(row, 'SIGKILL')
        await delay(25)
      }
    await sweep(runId)
  }

  /** TERM reaches the supervisor too; it then ends its agent in order, so the grace must outlast the supervisor's own. */
  async function sweep(runId: string): Promise<number> {
    const supervisor = leaving.get(runId)
    leaving.delete(runId)
    // It has written its last record, and now ends what its agent left and then itself. Waiting is quicker than asking it.
    for (let waited = 0; supervisor && waited < LEAVING_MS && isAlive(supervisor); waited++) await delay(1)
    const ended = await endTagged(RUN_TAG, runId, options.killGraceMs + 3_000, owner)
    await removeGroup([runGroup(runId, owner)])
    return ended
  }

  return {
    ready(runId) {
      try {
        if (!ready.has(runId)) ready.set(runId, new ReadySupervisor(launchOf(runId)))
      } catch {
        // This only saves time. If something is wrong, the start meets it and reports it.
      }
    },
    unready(runId) {
      const waiting = ready.get(runId)
      ready.delete(runId)
      waiting?.dismiss()
      // It was a member of the group, and the first one.
      if (waiting) void removeGroup([runGroup(runId, owner)])
    },
    start,
    inspect: (runId, attempt) => attemptState(options.home, runId, attempt),
    latest: runId => lastAttempt(options.home, runId),
    follow,
    stop,
    sweep,
    takeOver: async runId => void (await endTagged(RUN_TAG, runId, options.killGraceMs + 3_000)),
    stderr: (runId, attempt) => lastBytes(join(folderOf(runId, attempt), ATTEMPT_FILES.stderr), 8_192),
  }
}

function overdue(startedAt: string, durationMs: number): ExitRecord {
  const message = 'the supervisor did not enforce the deadline; the runner did'
  return { version: 1, code: null, signal: 'SIGKILL', cause: 'deadline', message, startedAt, endedAt: new Date().toISOString(), durationMs }
}
