import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { RunnerError } from '../../core/errors.ts'
import { readJson } from '../../core/json.ts'
import type { ExitRecord } from '../../core/ports/agent.ts'
import type { AttemptSpec } from '../../core/ports/supervision.ts'
import type { ProcessIdentity } from '../../core/run.ts'

/** Names of the files of one attempt. Runner and supervisor meet only here, so the format carries a version. */
export const ATTEMPT_FILES = {
  spec: 'attempt.json',
  started: 'started.json',
  exit: 'exit.json',
  stdout: 'stdout.jsonl',
  stderr: 'stderr.log',
  lock: 'alive.lock',
  log: 'supervisor.log',
} as const

/** What a supervisor writes about itself before it starts the agent, and again, with the agent, after. */
export interface StartedRecord {
  version: 1
  supervisor: ProcessIdentity
  /** Null while the agent is being started. From this record on, the attempt is never started again. */
  agent: ProcessIdentity | null
  startedAt: string
  /** Milliseconds since boot. */
  startedUptime: number
}

/** The folder of an attempt. */
export function attemptFolder(home: string, runId: string, attempt: number): string {
  return join(home, 'runs', runId, 'attempts', String(attempt))
}

/** The highest number of an attempt of a run that has a folder; 0 for none. */
export function lastAttempt(home: string, runId: string): number {
  const folder = join(home, 'runs', runId, 'attempts')
  return existsSync(folder) ? Math.max(0, ...readdirSync(folder).map(Number).filter(Number.isInteger)) : 0
}

/**
 * Reads one of an attempt's JSON files; null while it is not there. They are replaced whole, so they are never half. Throws
 * STATE_UNUSABLE for one of a version or shape that is not ours: to guess at it could start an agent beside one that lives.
 */
export function readAttemptFile(folder: string, name: 'spec'): AttemptSpec | null
export function readAttemptFile(folder: string, name: 'started'): StartedRecord | null
export function readAttemptFile(folder: string, name: 'exit'): ExitRecord | null
export function readAttemptFile(folder: string, name: 'spec' | 'started' | 'exit'): unknown {
  const path = join(folder, ATTEMPT_FILES[name])
  if (!existsSync(path)) return null
  const document = parsed(path)
  const version = document?.version
  if (document && version === VERSION && SHAPES[name](document)) return document
  const newer = typeof version === 'number' && version > VERSION
  throw new RunnerError('STATE_UNUSABLE', `${path} is ${newer ? `of version ${version}, newer than this program` : 'damaged'}`, {
    advice: newer
      ? 'Go on with the agent-runner that wrote it, or a newer one.'
      : '`agent-runner unlock` lets go of the run and keeps its work.',
  })
}

/**
 * The result of reading those files, for callers that only look or let go: null with the problem when the files are damaged or newer than
 * this program.
 */
export function unlessDamaged<T>(read: () => T): { value: T | null; problem: string | null } {
  try {
    return { value: read(), problem: null }
  } catch (error) {
    if (!(error instanceof RunnerError) || error.code !== 'STATE_UNUSABLE') throw error
    return { value: null, problem: error.message }
  }
}

const VERSION = 1

/** The document in a file; null when it holds none, or is no file at all. */
function parsed(path: string): Document | null {
  try {
    const document = readJson(readFileSync(path, 'utf8'))
    return isDocument(document) ? document : null
  } catch {
    return null
  }
}

type Document = Record<string, unknown>

const isDocument = (value: unknown): value is Document => typeof value === 'object' && value !== null
const isText = (value: unknown) => typeof value === 'string'
const isNumber = (value: unknown) => typeof value === 'number'
const isProcess = (value: unknown) => isDocument(value) && isText(value.bootId) && isNumber(value.pid) && isText(value.start)

/**
 * The fields of each file that we rely on. They are checked by hand: a supervisor starts without the schema library, and a start reads
 * the files every millisecond.
 */
const SHAPES: Record<'spec' | 'started' | 'exit', (document: Document) => boolean> = {
  spec: ({ runId, command, cwd, promptFile, deadlineMs, silentAfterMs, resultGraceMs, killGraceMs }) =>
    [runId, cwd, promptFile].every(isText) &&
    [deadlineMs, silentAfterMs, resultGraceMs, killGraceMs].every(isNumber) &&
    isDocument(command) &&
    isText(command.file) &&
    Array.isArray(command.args) &&
    isDocument(command.env),
  started: ({ supervisor, agent, startedAt, startedUptime }) =>
    isProcess(supervisor) && (agent === null || isProcess(agent)) && isText(startedAt) && isNumber(startedUptime),
  exit: ({ code, signal, cause, message, durationMs }) =>
    (code === null || isNumber(code)) &&
    (signal === null || isText(signal)) &&
    (cause === null || isText(cause)) &&
    isText(message) &&
    isNumber(durationMs),
}
