import { existsSync } from 'node:fs'
import { constants } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import { RunnerError } from '../core/errors.ts'
import { isNoRoom, noRoom } from './room.ts'

/** How one git command is run. */
export interface GitCall {
  /** Text for stdin; never empty, since an empty one would leave stdin open. */
  input?: string
  env?: Record<string, string>
  /** `name=value` settings for this command alone. */
  config?: string[]
  /** It may write much or run the user's hooks, so it gets the long time limit. */
  slow?: boolean
}

/** Runs git in one folder. Every method throws RunnerError GIT_FAILED with what git said (STATE_UNUSABLE of a full disk), unless it says otherwise. */
export interface Git {
  readonly cwd: string
  /** The command's stdout, as it is. */
  run(args: string[], call?: GitCall): Promise<string>
  /** The command's stdout, or null when it ended with another code than 0. */
  ask(args: string[], call?: GitCall): Promise<string | null>
  /** The first bytes of the command's stdout; the command is ended when there are enough. */
  head(args: string[], bytes: number, call?: GitCall): Promise<{ text: string; cut: boolean }>
  /** The same in another folder, with more environment. */
  at(cwd: string, env?: Record<string, string>): Git
}

/** What a git command inherits of the runner's environment that git reads. All else of `GIT_*` (a hook's GIT_DIR!) is dropped. */
const INHERITED = ['GIT_CONFIG_GLOBAL', 'GIT_CONFIG_SYSTEM', 'GIT_CONFIG_NOSYSTEM', 'GIT_SSH', 'GIT_SSH_COMMAND', 'GIT_SSL_CAINFO']
const GUARDED = /^(git_.*|editor|visual|pager|prefix|ssh_askpass)$/i

/** Settings of every command: no daemon is started, nothing is asked, no signing key is wanted, paths are not cut short. */
const CONFIG = ['core.fsmonitor=false', 'gc.auto=0', 'maintenance.auto=false', 'commit.gpgSign=false', 'advice.detachedHead=false']

const FIXED = {
  GIT_TERMINAL_PROMPT: '0',
  GIT_ASKPASS: '',
  GIT_EDITOR: 'true',
  GIT_SEQUENCE_EDITOR: 'true',
  GIT_PAGER: 'cat',
  GIT_OPTIONAL_LOCKS: '0',
  // Untranslated, and still UTF-8, since the user's hooks run in this environment too.
  LC_ALL: 'C.UTF-8',
  LANGUAGE: '',
}

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
  /** Fires when nobody wants to wait any more: slow commands are stopped, and no other is started. */
  hurry?: AbortSignal
}

/** After so long, in milliseconds, who is in a hurry has ended a command that was stopped, with all that its hooks started. */
const HURRY_MS = 300

/** Git in a folder, for a run or for nobody in particular. */
export function openGit(cwd: string, options: GitOptions): Git {
  async function start(args: string[], call: GitCall, limit = Number.POSITIVE_INFINITY): Promise<{ text: string; cut: boolean }> {
    // Loaded at first use: a runner that only waits, or a command that needs no git, starts without it.
    const { simpleGit } = await import('simple-git')
    const { run } = options
    const tags = run && { AGENT_RUNNER_RUN_ID: run.runId, AGENT_RUNNER_RUN_AGENT: run.agentTag }
    const env = environment({ ...options.env, ...call.env, ...tags })
    const stop = new AbortController()
    const kept: Buffer[] = []
    let bytes = 0
    let cut = false
    let late = false
    let exit: GitExit | undefined
    const ms = call.slow ? options.timeoutMs : Math.min(60_000, options.timeoutMs)
    const said = `git ${args.find(arg => !arg.startsWith('-')) ?? ''}`
    const hurry = call.slow ? options.hurry : undefined
    const stopped = () => new RunnerError('GIT_FAILED', `${said} was stopped, since it is not wanted any more`)
    if (hurry?.aborted) throw stopped()
    try {
      const git = simpleGit({
        baseDir: cwd,
        abort: stop.signal,
        config: [...CONFIG, ...(call.config ?? [])],
        allowEnvironment: Object.keys(env).filter(name => GUARDED.test(name)),
        // Only our own constants and the allow list above reach these doors. Abbreviated options are git's own business: the
        // switch against them is an environment variable that would break the user's hooks.
        unsafe: {
          allowAbbreviatedOptions: true,
          allowUnsafeAskPass: true,
          allowUnsafeConfigPaths: true,
          allowUnsafeEditor: true,
          allowUnsafeFsMonitor: true,
          allowUnsafeHooksPath: true,
          allowUnsafePager: true,
          allowUnsafeSshCommand: true,
        },
        // The end of the process counts 2 s later even when a hook's child still holds its output.
        completion: { onClose: true, onExit: 2_000 },
        input: () => call.input,
        // By default a command that was killed, or failed without a word, would count as a success.
        errors: (error, result) => {
          if (result.exitCode === 0) return error
          exit = new GitExit(result.exitCode, Buffer.concat([...result.stdErr, ...result.stdOut]).toString())
          return exit
        },
      }).env(env)
      git.outputHandler((_command, stdout) => {
        // simple-git waits 50 ms more for a command that printed nothing; a piece of nothing spares that.
        stdout.once('end', () => stdout.emit('data', Buffer.alloc(0)))
        if (limit === Number.POSITIVE_INFINITY) return
        stdout.on('data', (piece: Buffer) => {
          if (cut) return
          kept.push(piece)
          bytes += piece.length
          if (bytes > limit) {
            cut = true
            stop.abort()
          }
        })
      })
      const text = await inTime(git.raw(args), ms, () => {
        late = true
        stop.abort()
      })
      return { text, cut: false }
    } catch (failure) {
      if (cut) return { text: new TextDecoder().decode(Buffer.concat(kept).subarray(0, limit)), cut: true }
      if (hurry?.aborted) {
        // The next git must not be taken for what is being ended.
        await delay(HURRY_MS)
        throw stopped()
      }
      if (late) throw new RunnerError('GIT_FAILED', `${said} did not end within ${Math.round(ms / 1000)} s and was stopped`)
      // A negative code is the system's: there was no process.
      if (exit && !((exit.exitCode ?? 0) < 0)) throw exit
      if (exit?.exitCode === -constants.errno.ENOENT && existsSync(cwd))
        throw new RunnerError('GIT_FAILED', 'git was not found on PATH', { advice: 'Install git.', cause: failure })
      throw new RunnerError('GIT_FAILED', `${said} could not be started: ${(exit ?? (failure as Error)).message.split('\n')[0]}`, {
        cause: failure,
      })
    }
    function inTime<T>(work: PromiseLike<T>, limitMs: number, onLate: () => void): Promise<T> {
      return new Promise((resolve, reject) => {
        let last: NodeJS.Timeout | undefined
        const end = (waitMs: number) => {
          onLate()
          // A stopped process does not die of the signal; it is left to the sweep of the run.
          last ??= setTimeout(() => reject(new Error('not to be stopped')), waitMs)
        }
        const first = setTimeout(() => end(5_000), limitMs)
        const endSoon = () => end(HURRY_MS)
        hurry?.addEventListener('abort', endSoon, { once: true })
        work.then(resolve, reject)
        work.then(clear, clear)
        function clear() {
          clearTimeout(first)
          clearTimeout(last)
          hurry?.removeEventListener('abort', endSoon)
        }
      })
    }
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
    run,
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
    at: (folder, env = {}) => openGit(folder, { ...options, env: { ...options.env, ...env } }),
  }
}

function environment(extra: Record<string, string>): Record<string, string> {
  const env: Record<string, string> = {}
  for (const [name, value] of Object.entries(process.env))
    if (value !== undefined && (!GUARDED.test(name) || INHERITED.includes(name))) env[name] = value
  return { ...env, ...FIXED, ...extra }
}

function asFailure(args: string[], failure: unknown): unknown {
  if (!(failure instanceof GitExit)) return failure
  const command = args.find(arg => !arg.startsWith('-')) ?? ''
  const said = failure.message.trim().replace(/\s*\n\s*/g, ' · ')
  const end = failure.exitCode === null ? 'was killed' : `ended with ${failure.exitCode}`
  const message = `git ${command} ${end}${said ? `: ${said.slice(0, 600)}` : ''}`
  return isNoRoom(failure) ? noRoom(message, failure) : new RunnerError('GIT_FAILED', message, { cause: failure })
}
