import { existsSync } from 'node:fs'
import { asRunnerError, isShortage, RunnerError } from '../core/errors.ts'
import { runGroup } from '../machine/process/groups.ts'
import { runChild } from '../machine/process/run-child.ts'
import { bytesOf, textOf } from './file-names.ts'
import { isNoRoom, noRoom } from './full-disk.ts'

/** How one git command is run. */
export interface GitCall {
  /** Text for stdin, where names stand as `names` gave them; without it stdin is at its end. */
  input?: string
  env?: Record<string, string>
  /** `name=value` settings for this command alone. */
  config?: string[]
  /** It may read or write much, so it gets the long time limit. */
  slow?: boolean
  /** It may run hooks of the user: it gets the long time limit too, and whatever they start ends with the run. */
  hooks?: boolean
  /** Hears what a command that succeeded wrote to stderr. */
  warned?: (text: string) => void
}

/** Runs git in one folder. Every method throws RunnerError GIT_FAILED with what git said (STATE_UNUSABLE of a full disk), unless it says otherwise. */
export interface Git {
  readonly cwd: string
  /** Whether it works with another git folder than the one to which the folder leads. */
  readonly isRedirected: boolean
  /** The command's stdout, as it is. */
  run(args: string[], call?: GitCall): Promise<string>
  /** The pieces between the NULs of the command's stdout: names that are no UTF-8 come back as they were (`file-names.ts`). */
  names(args: string[], call?: GitCall): Promise<string[]>
  /** The command's stdout, or null when it ended with another code than 0. */
  ask(args: string[], call?: GitCall): Promise<string | null>
  /** The first bytes of the command's stdout; the command is ended when there are enough. */
  head(args: string[], bytes: number, call?: GitCall): Promise<{ text: string; cut: boolean }>
  /** The same, where names stand as `names` gives them. */
  namesHead(args: string[], bytes: number, call?: GitCall): Promise<{ text: string; cut: boolean }>
  /** The same in another folder, with more environment. */
  at(cwd: string, env?: Record<string, string>): Git
}

/** Settings of every command: no daemon is started, nothing is asked, no signing key is wanted, no change is hidden. */
const CONFIG = [
  'core.fsmonitor=false',
  'core.ignoreStat=false',
  'gc.auto=0',
  'maintenance.auto=false',
  'commit.gpgSign=false',
  'advice.detachedHead=false',
]

/** Untranslated, and still UTF-8, since the user's hooks run in this environment too. */
export const SPOKEN = { LC_ALL: 'C.UTF-8', LANGUAGE: '' }

const FIXED = { GIT_OPTIONAL_LOCKS: '0', ...SPOKEN }

class GitExit extends Error {
  readonly exitCode: number | null
  constructor(exitCode: number | null, stderr: string) {
    super(stderr)
    this.exitCode = exitCode
  }
}

export interface GitOptions {
  /** Whose tags its processes carry, so that nothing of them outlives the run. */
  run?: { runId: string; agentTag: string }
  timeoutMs: number
  env?: Record<string, string>
  /** Fires when nobody wants to wait any more: slow commands are stopped, and no further one is started. */
  hurry?: AbortSignal
}

/** How long a stopped command, with everything that its hooks started, has to end in order before it is killed, in milliseconds. */
const GRACE_MS = 5_000
/** The same when somebody is in a hurry. */
const HURRY_MS = 300

const readable = (bytes: Buffer) => new TextDecoder().decode(bytes)

/** Git in a folder, for a run or for nobody in particular. */
export function openGit(cwd: string, options: GitOptions): Git {
  async function start(args: string[], call: GitCall, mostBytes?: number, decode = readable): Promise<{ text: string; cut: boolean }> {
    const { run } = options
    const tags = run && { AGENT_RUNNER_RUN_ID: run.runId, AGENT_RUNNER_RUN_AGENT: run.agentTag }
    const slow = call.slow || call.hooks
    const timeoutMs = slow ? options.timeoutMs : Math.min(60_000, options.timeoutMs)
    const said = `git ${args.find(arg => !arg.startsWith('-')) ?? ''}`
    const hurry = slow ? options.hurry : undefined
    const unwanted = () => new RunnerError('GIT_FAILED', `${said} was stopped, since it is not wanted any more`)
    if (hurry?.aborted) throw unwanted()
    const end = await runChild({
      need: 'git',
      file: 'git',
      args: [...[...CONFIG, ...(call.config ?? [])].flatMap(entry => ['-c', entry]), ...args],
      cwd,
      // Do this only then, because entering a group takes longer than most commands.
      hold: run && call.hooks ? [runGroup(run.runId, run.agentTag)] : undefined,
      set: { ...FIXED, ...options.env, ...call.env, ...tags },
      input: call.input === undefined ? undefined : bytesOf(call.input),
      timeoutMs,
      mostBytes,
      graceMs: GRACE_MS,
      signal: hurry,
      hurryMs: HURRY_MS,
    })
    const text = decode(end.stdout.subarray(0, mostBytes))
    if (end.stopped === 'enough') return { text, cut: true }
    if (end.stopped === 'aborted') throw unwanted()
    if (end.stopped === 'late')
      throw new RunnerError('GIT_FAILED', `${said} did not end within ${Math.round(timeoutMs / 1000)} s and was stopped`)
    if (end.startError) throw notStarted(said, end.startError, cwd)
    if (end.code !== 0) throw new GitExit(end.code, end.stderr + text)
    if (end.stderr !== '') call.warned?.(end.stderr)
    return { text, cut: false }
  }

  async function run(args: string[], call: GitCall = {}): Promise<string> {
    try {
      return (await start(args, call)).text
    } catch (failure) {
      throw asFailure(args, failure)
    }
  }

  return {
    cwd,
    isRedirected: options.env?.GIT_DIR !== undefined,
    run,
    async names(args, call = {}) {
      try {
        return (await start(args, call, undefined, textOf)).text.split('\0').filter(Boolean)
      } catch (failure) {
        throw asFailure(args, failure)
      }
    },
    async ask(args, call = {}) {
      try {
        return (await start(args, call)).text
      } catch (failure) {
        if (failure instanceof GitExit && failure.exitCode !== null && !isNoRoom(failure)) return null
        throw asFailure(args, failure)
      }
    },
    async head(args, bytes, call = {}) {
      try {
        return await start(args, call, bytes)
      } catch (failure) {
        throw asFailure(args, failure)
      }
    },
    async namesHead(args, bytes, call = {}) {
      try {
        return await start(args, call, bytes, textOf)
      } catch (failure) {
        throw asFailure(args, failure)
      }
    },
    at: (folder, env = {}) => openGit(folder, { ...options, env: { ...options.env, ...env } }),
  }
}

function notStarted(said: string, error: NodeJS.ErrnoException, cwd: string): RunnerError {
  if (isShortage(error)) return asRunnerError(error)
  if (error.code === 'ENOENT' && existsSync(cwd))
    return new RunnerError('GIT_FAILED', 'git was not found on PATH', { advice: 'Install git.', cause: error })
  return new RunnerError('GIT_FAILED', `${said} could not be started: ${error.message}`, { cause: error })
}

/** The lines of a text as one, without those that are blank. */
export function inOneLine(text: string): string {
  return text
    .split('\n')
    .flatMap(line => line.trim() || [])
    .join(' · ')
}

function asFailure(args: string[], failure: unknown): unknown {
  if (!(failure instanceof GitExit)) return failure
  const command = args.find(arg => !arg.startsWith('-')) ?? ''
  const said = inOneLine(failure.message).slice(0, 600)
  const end = failure.exitCode === null ? 'was killed' : `ended with ${failure.exitCode}`
  const message = `git ${command} ${end}${said ? `: ${said}` : ''}`
  return isNoRoom(failure) ? noRoom(message, failure) : new RunnerError('GIT_FAILED', message, { cause: failure })
}
