import { closeSync, fstatSync, mkdirSync, openSync, readFileSync, readSync, rmSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { asRunnerError, isShortage, RunnerError } from '../../core/errors.ts'
import { snakeKeys } from '../../core/key-case.ts'
import type { HookDocument, HookName, HookResult, Hooks } from '../../core/ports/hooks.ts'
import { redact } from '../../core/redaction.ts'
import { replaceFile } from '../files/durable-file.ts'
import { runGroup } from '../process/groups.ts'
import { AGENT_TAG, agentTag, endTagged, RUN_TAG } from '../process/processes.ts'
import { type BuiltInHook, runBuiltInHook } from './built-in-hook.ts'
import { type FoundHook, findHook, type HookPlaces } from './hook-discovery.ts'
import type { HookWire } from './hook-document.ts'
import { type HookExit, runHookProcess } from './hook-process.ts'

export interface HookOptions extends HookPlaces {
  timeoutMs: number
  killGraceMs: number
  /** Our own hook of a name, which counts where nobody wrote one. */
  builtIn(name: HookName): Promise<BuiltInHook>
  /** Settings that hooks read from their environment; they override those in ours. */
  env?: Record<string, string>
}

/** The environment name that marks the hooks of one agent in one state folder. */
const OWNER_TAG = 'AGENT_RUNNER_HOOK_OF'
/** A hook that prints more is stopped; its log is cut to this. */
const LOG_BYTES = 10 * 1024 * 1024
const MESSAGE_LINES = 20
const MESSAGE_BYTES = 4096

/**
 * The hooks of a repository and a user, looked up anew at each call, so that they can be changed while the runner works. Throws USAGE
 * when the folder of --hooks-dir is not there. `run` throws only ABORTED, and SYSTEM_SHORT where the system has no room for it; any other
 * reason why a hook cannot run makes it fail, with the reason as its message. `logFile` is replaced and holds one call.
 */
export function openHooks(options: HookOptions): Hooks {
  findHook('pre_task', options)
  return {
    async run(name, document, logFile, signal, soon) {
      if (signal.aborted || soon?.signal.aborted) throw new RunnerError('ABORTED', `the ${name} hook was not started`)
      const begun = performance.now()
      let hook: FoundHook | null = null
      let exit: HookExit | null = null
      let message: string
      try {
        hook = findHook(name, options)
        if (hook.problem) message = `${hook.path} cannot be run: ${hook.problem}`
        else {
          exit = await call(hook, document, logFile, options, signal, soon)
          if (isShortage(exit.startError)) throw asRunnerError(exit.startError)
          redactLog(logFile)
          message = words(exit, hook, options.timeoutMs, lastLines(logFile))
        }
      } catch (error) {
        if (isShortage(error)) throw asRunnerError(error)
        message = `the ${name} hook could not be run: ${(error as Error).message}`
      }
      if (exit?.ended === 'aborted') throw new RunnerError('ABORTED', `the ${name} hook was stopped`)
      return {
        path: hook?.path ?? null,
        ok: exit !== null && exit.code === 0 && exit.ended === null,
        exitCode: hook?.problem ? 126 : (exit?.code ?? (exit?.startError ? 127 : null)),
        timedOut: exit?.ended === 'timeout',
        message,
        log: logFile,
        ms: Math.round(performance.now() - begun),
      } satisfies HookResult
    },
  }
}

/** Ends hooks that a killed runner of this agent left running; returns how many processes. For the start of a runner, before its first hook. */
export function endLeftoverHooks(agentId: string, home: string): Promise<number> {
  return endTagged(OWNER_TAG, agentTag(agentId, home), 0)
}

async function call(
  hook: FoundHook,
  document: HookDocument,
  logFile: string,
  options: HookOptions,
  signal: AbortSignal,
  soon?: { signal: AbortSignal; graceMs: number },
) {
  // A missing working directory would be reported as a missing program.
  const cwd = [document.workspace?.path, options.repo].find(path => path && statSync(path, { throwIfNoEntry: false })?.isDirectory())
  if (cwd === undefined) throw new Error(`its working directory ${options.repo} is not there`)
  mkdirSync(dirname(logFile), { recursive: true, mode: 0o700 })
  const owner = agentTag(document.agent.id, options.home)
  const tags = document.run_id ? { [RUN_TAG]: document.run_id, [AGENT_TAG]: owner } : {}
  const set = { ...options.env, ...tags, [OWNER_TAG]: owner, AGENT_RUNNER_HOOK: hook.name }
  const { timeoutMs } = options
  const killGraceMs = () => (soon?.signal.aborted ? Math.min(soon.graceMs, options.killGraceMs) : options.killGraceMs)
  const end = soon ? AbortSignal.any([signal, soon.signal]) : signal
  if (hook.command === null) {
    rmSync(logFile, { force: true })
    const builtIn = await options.builtIn(hook.name)
    return runBuiltInHook(builtIn, { document: toWire(document), folder: cwd, set, logFile, timeoutMs, graceMs: options.killGraceMs }, end)
  }
  return runHookProcess(
    {
      id: callId(),
      command: hook.command,
      cwd,
      group: document.run_id ? runGroup(document.run_id, owner) : null,
      set,
      input: `${JSON.stringify(toWire(document))}\n`,
      ...{ logFile, timeoutMs, killGraceMs },
      logBytes: LOG_BYTES,
    },
    end,
  )
}

let calls = 0

/** Unique for each call on this machine. Not by node:crypto: to load it takes longer than a hook. */
const callId = () => `${process.pid}-${Date.now().toString(36)}-${Math.floor(Math.random() * 2 ** 32).toString(36)}-${++calls}`

/** The document as hooks read it: snake_case throughout. */
function toWire({ task, ...document }: HookDocument): HookWire {
  const { result } = document
  const flat = {
    task_id: task?.id ?? null,
    task_title: task?.title ?? null,
    skill_level: task?.seniority ?? null,
    complexity: task?.complexity ?? null,
    status: result ? result.status : (task?.status ?? null),
    success: result?.success ?? null,
    execution_time: result ? result.duration_ms / 1000 : null,
  }
  if (!task) return { ...document, ...flat, task }
  const { runId: _run, plan: _plan, repo: _repo, ...shown } = task
  return { ...document, ...flat, task: snakeKeys(shown) }
}

/** The message for people: the hook's last words, with how it ended before them where that is not clear. */
function words(exit: HookExit, hook: FoundHook, timeoutMs: number, said: string): string {
  const how =
    exit.startError !== null
      ? `${hook.path} could not be started: ${startWords(exit.startError)}`
      : exit.ended === 'timeout'
        ? `it did not end within ${timeoutMs / 1000} s and was stopped`
        : exit.ended === 'flood'
          ? `it printed more than ${LOG_BYTES / 1024 / 1024} MiB and was stopped`
          : exit.signal !== null
            ? `it was ended by ${exit.signal}`
            : exit.code !== 0 && said === ''
              ? `it ended with exit code ${exit.code} and printed nothing`
              : ''
  const stuck = exit.stuck ? 'something of it could not be ended' : ''
  return [how, stuck, said].filter(Boolean).join('\n')
}

function startWords(error: NodeJS.ErrnoException): string {
  if (error.code === 'ENOENT') return 'the interpreter of its first line is not on this machine'
  if (error.code === 'EACCES') return 'the system does not allow it (a folder mounted noexec, or rights on the interpreter)'
  return error.message
}

/**
 * Takes secrets out of a hook's log: the hook may print what it was called with, or a tool of its own may print a password. While the
 * hook runs, its log is as it prints it.
 */
function redactLog(logFile: string): void {
  const text = readFileSync(logFile, 'utf8')
  const clean = redact(text)
  // Write a new file, since processes that the hook left behind may still write to the old one.
  if (clean !== text) replaceFile(logFile, clean)
}

function lastLines(logFile: string): string {
  const file = openSync(logFile, 'r')
  try {
    const from = Math.max(0, fstatSync(file).size - MESSAGE_BYTES)
    const bytes = Buffer.alloc(MESSAGE_BYTES)
    const text = bytes.toString('utf8', 0, readSync(file, bytes, 0, MESSAGE_BYTES, from))
    const lines = stripVTControlCharacters(text).split(/[\r\n]+/)
    // The first line is only a part when the text was cut before it.
    if (from > 0 && lines.length > 1) lines.shift()
    const printable = lines.map(line => line.replace(/\p{Cc}/gu, ' ').trimEnd()).filter(line => line.trim() !== '')
    return printable.slice(-MESSAGE_LINES).join('\n')
  } finally {
    closeSync(file)
  }
}
