import type { ChildProcess } from 'node:child_process'
import { closeSync, openSync, readSync } from 'node:fs'
import { uptime } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { isShortage } from '../../core/errors.ts'
import { readJson } from '../../core/json.ts'
import type { ExitRecord, ResultLine } from '../../core/ports/agent.ts'
import type { AttemptSpec } from '../../core/ports/supervision.ts'
import { replaceFile } from '../files/durable-file.ts'
import { FileLines } from '../files/file-lines.ts'
import { takeLock } from '../locks/os-lock.ts'
import { enterGroup, runGroup } from '../process/groups.ts'
import { AGENT_TAG, endTagged, identify, RUN_TAG, taggedProcesses } from '../process/processes.ts'
import { startChild } from '../process/start-child.ts'
import { adoptOrphans } from '../process/subreaper.ts'
import { ATTEMPT_FILES, readAttemptFile, type StartedRecord } from './attempt-files.ts'
import type { Told } from './supervisor-process.ts'

/*
 * The small detached process that owns one attempt of the agent CLI. It outlives the runner: it enforces the deadline,
 * collects the exit code, which only a parent can, and writes it down. It speaks to nobody but its folder and SIGTERM.
 *
 *   start → lock → intent (started.json, agent null) → agent started (started.json) → exit → exit.json → tree ended
 */

/** How often files, clock and processes are checked. */
const TICK_MS = 500
/** Two looks further apart than this, in seconds: the supervisor stood still, or the machine was asleep. */
const STOOD_STILL_S = 2
/** How much output is read at once. */
const TURN_BYTES = 2 * 1024 * 1024
/** Processor use below this share of one core counts as idle, because an agent that waits for ever still has timers. */
const IDLE_SHARE = 0.02

/** The processor time of the agent's tree as it was at the last look. */
interface ProcessorUse {
  /** Seconds since boot. */
  at: number
  ticks: number
  pids: string
  use: 'busy' | 'idle' | null
}

const UNSEEN = { ticks: 0, pids: '', use: null }

/**
 * Exit codes of the supervisor itself: 0 the attempt was seen to its end; 70 this attempt was started before. Which attempt it is, and the
 * agent's environment, is told on stdin; when that ends first, there is nothing to do.
 */
export async function supervise(): Promise<number> {
  // Enter the group of the run while there is time for it, so that it holds whatever the agent starts.
  enterGroup([runGroup(process.env[RUN_TAG] ?? '', process.env[AGENT_TAG] ?? '')])
  const told = toldOnStdin()
  if (told === null) return 0
  const { folder, env } = told
  // A terminal's hang-up and Ctrl-C are meant for the runner; it decides what they mean for us.
  process.on('SIGHUP', () => {})
  process.on('SIGINT', () => {})
  const lock = takeLock(join(folder, ATTEMPT_FILES.lock), 1_000)
  if (!lock || readAttemptFile(folder, 'started') || readAttemptFile(folder, 'exit')) return 70
  const spec = readAttemptFile(folder, 'spec')
  if (spec?.version !== 1) throw new Error(`cannot read ${ATTEMPT_FILES.spec} of ${folder}`)

  const started: StartedRecord = {
    version: 1,
    supervisor: identify(process.pid)!,
    agent: null,
    startedAt: new Date().toISOString(),
    startedUptime: uptime() * 1000,
  }
  // The first record says for good that the attempt was started. The agent's pid means nothing after the next boot.
  const record = (survives: 'power cut' | 'kill') => replaceFile(join(folder, ATTEMPT_FILES.started), JSON.stringify(started), survives)
  record('power cut')

  const end = await new Watch(spec, folder, env, started, () => record('kill')).run()
  const exit: ExitRecord = {
    version: 1,
    ...end,
    startedAt: started.startedAt,
    endedAt: new Date().toISOString(),
    durationMs: Math.round(uptime() * 1000 - started.startedUptime),
  }
  // Nobody else knows how the agent ended, so wait for a full disk. The runner that waits for us knows the deadline and ends us after it.
  try {
    while (!kept(() => replaceFile(join(folder, ATTEMPT_FILES.exit), JSON.stringify(exit)))) await delay(TICK_MS)
  } finally {
    // Shell commands and servers that the agent started live on in sessions of their own; they end with it.
    await endTagged(RUN_TAG, spec.runId, Math.min(2_000, spec.killGraceMs), process.env[AGENT_TAG])
  }
  lock.release()
  return 0
}

/** The first line of stdin. It blocks and handles no signal, because there is nothing to look after yet. */
function toldOnStdin(): Told | null {
  let text = ''
  for (const piece = Buffer.alloc(65_536); !text.endsWith('\n'); ) {
    const bytes = readSync(0, piece)
    if (bytes === 0) return null
    text += piece.toString('latin1', 0, bytes)
  }
  return JSON.parse(Buffer.from(text, 'latin1').toString())
}

/** Whether it could be written now; false while the disk is full. Throws failures that do not pass by themselves (the folder is gone). */
function kept(write: () => void): boolean {
  try {
    write()
    return true
  } catch (error) {
    if (!['ENOSPC', 'EDQUOT'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error
    return false
  }
}

type HowItEnded = Pick<ExitRecord, 'code' | 'signal' | 'cause' | 'message'>

/** Watches one agent process until it has exited, and ends it when it must. */
class Watch {
  readonly #spec: AttemptSpec
  readonly #folder: string
  readonly #env: Record<string, string>
  readonly #letGo = adoptOrphans()
  readonly #started: StartedRecord
  readonly #record: () => void
  readonly #lines: FileLines
  /** The agent's process, until its exit is known. */
  #pid = 0
  #cause: ExitRecord['cause'] = null
  /** The agent is in started.json; a disk that was full keeps it out for a while. */
  #onRecord = true
  #lookedAt = uptime()
  #activeAt = uptime()
  #resultAt: number | null = null
  #cpu: ProcessorUse = { at: uptime(), ...UNSEEN }

  constructor(spec: AttemptSpec, folder: string, env: Record<string, string>, started: StartedRecord, record: () => void) {
    this.#spec = spec
    this.#folder = folder
    this.#env = env
    this.#started = started
    this.#record = record
    this.#lines = new FileLines(join(folder, ATTEMPT_FILES.stdout), folder)
  }

  run(): Promise<HowItEnded> {
    return new Promise(resolve => {
      // Do this before the agent is on record, since a stop may follow the record at once.
      process.on('SIGTERM', () => this.#end('stopped'))
      let child: ChildProcess
      try {
        child = this.#spawn()
      } catch (error) {
        resolve(notStarted(error as Error))
        return
      }
      let timer: NodeJS.Timeout | undefined
      const done = (end: HowItEnded) => {
        clearInterval(timer)
        resolve(end)
      }
      child.on('error', error => done(notStarted(error)))
      // 'close' would wait for grandchildren; 'exit' is the agent's own end.
      child.on('exit', (code, signal) => done({ code, signal, cause: this.#cause, message: '' }))
      if (child.pid === undefined) return
      this.#pid = child.pid
      this.#started.agent = identify(child.pid)
      this.#onRecord = kept(this.#record)
      timer = setInterval(() => this.#tick(), TICK_MS)
    })
  }

  #spawn(): ChildProcess {
    const { command, cwd, promptFile } = this.#spec
    // Close them one by one: where there was no room for all files, those that were opened leave theirs to the record of the end.
    const stdio: number[] = []
    try {
      stdio.push(openSync(promptFile, 'r'))
      for (const name of [ATTEMPT_FILES.stdout, ATTEMPT_FILES.stderr]) stdio.push(openSync(join(this.#folder, name), 'a', 0o600))
      const { need, file, args } = command
      return startChild({ need, file, args, cwd, ours: {}, set: this.#env }, stdio)
    } finally {
      for (const file of stdio) closeSync(file)
    }
  }

  #tick(): void {
    this.#onRecord ||= kept(this.#record)
    this.#letGo?.(this.#pid)
    const now = uptime()
    const stoodStill = this.#stoodStill(now)
    if (this.#cause || stoodStill) return
    const cause = this.#dueCause(now)
    if (cause) this.#end(cause)
  }

  /**
   * Whether nobody was watching since the last look. Then the agent may have stood still too, so this time does not count as its silence;
   * and if it has ended meanwhile, that is heard before anything is decided. A deadline that has passed stays passed.
   */
  #stoodStill(now: number): boolean {
    const away = now - this.#lookedAt
    this.#lookedAt = now
    if (away < STOOD_STILL_S) return false
    this.#activeAt += away
    if (this.#resultAt !== null) this.#resultAt += away
    this.#cpu = { at: now, ...UNSEEN }
    return true
  }

  /** Why the agent must be ended now; null while it may go on. */
  #dueCause(now: number): NonNullable<ExitRecord['cause']> | null {
    const { deadlineMs, resultGraceMs, silentAfterMs } = this.#spec
    if (now * 1000 - this.#started.startedUptime >= deadlineMs) return 'deadline'
    const bytes = this.#lines.read(line => {
      // A result that is followed by more output was not the last word, or not the agent's own.
      if (this.#spec.resultLine) this.#resultAt = isResult(line, this.#spec.resultLine) ? (this.#resultAt ?? now) : null
    }, TURN_BYTES)
    if (bytes > 0) this.#activeAt = now
    // A flood must neither hide the result nor keep deadline and signals waiting.
    if (bytes >= TURN_BYTES) setImmediate(() => this.#tick())
    if (this.#resultAt !== null && (now - this.#resultAt) * 1000 >= resultGraceMs) return 'hung_after_result'
    const silentMs = (now - this.#activeAt) * 1000
    // Reading /proc costs a little: only once the output has been quiet for a while.
    const use = silentMs > silentAfterMs / 4 ? this.#use(now) : null
    if (use === 'busy') this.#activeAt = now
    else if (use === 'idle' && silentMs >= silentAfterMs) return 'silent'
    return null
  }

  /** Whether the tree has used the processor or started and ended processes between the last two looks; null as long as that is not known. */
  #use(now: number): 'busy' | 'idle' | null {
    const before = this.#cpu
    const seconds = now - before.at
    if (seconds < Math.min(5, this.#spec.silentAfterMs / 8_000)) return before.use
    const rows = taggedProcesses(RUN_TAG, this.#spec.runId, process.env[AGENT_TAG])
    const ticks = rows.reduce((sum, row) => sum + row.cpu, 0)
    const pids = rows.map(row => row.pid).join()
    const isBusy = pids !== before.pids || (ticks - before.ticks) / 100 > seconds * IDLE_SHARE
    this.#cpu = { at: now, ticks, pids, use: before.pids === '' ? null : isBusy ? 'busy' : 'idle' }
    return this.#cpu.use
  }

  /** TERM to the whole tree, grace, KILL. The agent's exit resolves `run`; the first cause counts. */
  #end(cause: NonNullable<ExitRecord['cause']>): void {
    if (this.#cause) return
    this.#cause = cause
    endTagged(RUN_TAG, this.#spec.runId, this.#spec.killGraceMs, process.env[AGENT_TAG]).catch(error => console.error(String(error)))
  }
}

/** Too many processes or open files are no fault of the program that was to be started. */
function notStarted(error: Error): HowItEnded {
  return { code: null, signal: null, cause: isShortage(error) ? 'no_room' : 'start_failed', message: error.message }
}

/** The words may also occur deep in a tool's input, so they only say that a closer look is worth it. */
function isResult(line: string, { key, value }: ResultLine): boolean {
  if (!line.includes(`"${value}"`)) return false
  try {
    return readJson(line)?.[key] === value
  } catch {
    return false
  }
}
