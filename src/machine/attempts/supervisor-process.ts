import type { ChildProcess } from 'node:child_process'
import { closeSync, openSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { privateFolder, temporaryName } from '../files/durable-file.ts'
import { runFolder } from '../journal/run-files.ts'
import { AGENT_TAG, agentTag, RUN_TAG } from '../process/processes.ts'
import { startChild } from '../process/start-child.ts'
import { ATTEMPT_FILES } from './attempt-files.ts'

/** What a supervisor needs to start: the command of this program, our environment, the run, and the agent that it works for. */
export interface SupervisorLaunch {
  home: string
  self: string[]
  env: NodeJS.ProcessEnv
  runId: string
  agentId: string
}

/** A supervisor process as this process sees it, which it outlives. */
export class SupervisorProcess {
  /** How it ended, or why it could not be started; null while it lives. */
  failure: string | null = null
  /** What the system said when it could not be started. */
  startError: Error | null = null

  constructor(child: ChildProcess) {
    child.on('error', error => {
      this.startError ??= error
      this.failure ??= error.message
    })
    child.on('exit', (code, signal) => (this.failure ??= `supervisor ended with ${signal ?? code}`))
    child.unref()
  }
}

/**
 * What a supervisor is told: the folder of its attempt, and the environment of the agent. This is written to no disk and to no
 * environment.
 */
export interface Told {
  folder: string
  env: Record<string, string>
}

/**
 * A supervisor that has its program loaded before there is an attempt. It starts nothing: it waits for the one line that names its attempt,
 * on a pipe that only this process holds, and when the pipe ends without that line (this process has died, or has no use for it) so does it.
 * Its own environment holds no secret, since what it starts can read that.
 */
export class ReadySupervisor {
  readonly #child: ChildProcess
  readonly #process: SupervisorProcess
  readonly #log: string

  constructor(launch: SupervisorLaunch) {
    const folder = privateFolder(runFolder(launch.home, launch.runId))
    // This name is removed at the end of the run, in case this process dies before it gives the file another one.
    this.#log = temporaryName(join(folder, ATTEMPT_FILES.log))
    const log = openSync(this.#log, 'ax', 0o600)
    try {
      this.#child = begin(launch, folder, log)
    } finally {
      closeSync(log)
    }
    this.#process = new SupervisorProcess(this.#child)
    // One that was killed is noticed by its exit; one that could not be started has no pipe.
    this.#child.stdin?.on('error', () => {})
    ;(this.#child.stdin as { unref?(): void } | null)?.unref?.()
  }

  /** Makes it the supervisor of an attempt; null when it has died. */
  take(told: Told): SupervisorProcess | null {
    if (this.#process.failure !== null) {
      this.dismiss()
      return null
    }
    renameSync(this.#log, join(told.folder, ATTEMPT_FILES.log))
    this.#child.stdin?.end(`${JSON.stringify(told)}\n`)
    return this.#process
  }

  /** Lets it go. */
  dismiss(): void {
    this.#child.stdin?.destroy()
    rmSync(this.#log, { force: true })
  }
}

function begin({ home, self, env, runId, agentId }: SupervisorLaunch, folder: string, log: number): ChildProcess {
  const [file = '', ...args] = [...self, 'supervise', folder]
  const set = { [RUN_TAG]: runId, [AGENT_TAG]: agentTag(agentId, home) }
  return startChild({ need: 'own', file, args, cwd: '/', ours: env, set }, ['pipe', 'ignore', log])
}
