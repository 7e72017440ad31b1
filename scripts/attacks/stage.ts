import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { CLAUDE, claudeEnv } from '../../tests/support/claude-run.ts'
import type { ModelScript, ScriptedTurn } from '../../tests/support/model-script.ts'
import { type Improviser, type ScriptedModel, startScriptedModel } from '../../tests/support/scripted-model.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

export interface Ended {
  /** Null when a signal ended it. */
  code: number | null
  signal: NodeJS.Signals | null
  stdout: string
  stderr: string
  /** stdout and stderr as they came. */
  output: string
  ms: number
}

interface How {
  cwd?: string
  /** Added to the stage's environment; undefined removes a variable. */
  env?: NodeJS.ProcessEnv
  input?: string | Buffer
  /** A program that is still running then is killed: the attack hung it. Default two minutes. */
  timeoutMs?: number
}

/** A program that goes on. */
export interface Started {
  child: ChildProcess
  /** What it printed until now. */
  output(): string
  /** Waits until its output matches, and answers the match. Throws when it ends or a minute has passed before. */
  until(pattern: RegExp): Promise<RegExpExecArray>
  ended: Promise<Ended>
}

/** Where one attack takes place: a state folder, a git repository and an environment that know nothing of the user's. */
export class Stage {
  /** The built program. */
  readonly binary = join(root, 'dist/agent-runner')
  readonly folder = realpathSync(mkdtempSync(join(tmpdir(), 'agent-runner-attack-')))
  readonly home = join(this.folder, 'state')
  readonly repo = join(this.folder, 'repo')
  readonly env: NodeJS.ProcessEnv = {
    PATH: `${join(root, 'node_modules/.bin')}:${process.env.PATH}`,
    HOME: join(this.folder, 'user'),
    LANG: 'C.UTF-8',
    NO_COLOR: '1',
    IS_SANDBOX: '1',
    GIT_CONFIG_NOSYSTEM: '1',
    HEADLESS_PM_HOME: this.home,
  }
  readonly #running = new Set<ChildProcess>()
  readonly #models: ScriptedModel[] = []

  constructor() {
    mkdirSync(this.env.HOME!)
    mkdirSync(this.repo)
    this.git('init', '-q', '-b', 'main')
    this.git('config', 'user.name', 'A User')
    this.git('config', 'user.email', 'user@example.com')
    this.write('repo/README.md', '# A repository\n')
    this.git('add', '-A')
    this.git('commit', '-q', '-m', 'start')
  }

  /** Runs git in the repository and answers its trimmed stdout. */
  git(...args: string[]): string {
    return execFileSync('git', args, { cwd: this.repo, env: this.env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim()
  }

  /** Writes a file below the stage's folder and answers its path. */
  write(path: string, text: string | Buffer, mode?: number): string {
    const file = join(this.folder, path)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, text)
    if (mode !== undefined) chmodSync(file, mode)
    return file
  }

  /** Runs the built program in the repository to its end. */
  runner(args: string[], how: How = {}): Promise<Ended> {
    return this.program([this.binary, ...args], how)
  }

  /** One backend task by agent dev_001. */
  single(args: string[] = [], how: How = {}): Promise<Ended> {
    return this.runner(['--role', 'backend_dev', '--agent-id', 'dev_001', '--single-task', ...args], how)
  }

  /** Starts the built program, which goes on. */
  start(args: string[], how: How = {}): Started {
    return this.begin([this.binary, ...args], how)
  }

  /** Runs any program in the repository to its end. */
  program(words: string[], how: How = {}): Promise<Ended> {
    return this.begin(words, how).ended
  }

  /** Starts any program in the repository. It is killed with the stage. */
  begin([file, ...args]: string[], { cwd = this.repo, env = {}, input, timeoutMs = 120_000 }: How = {}): Started {
    const began = performance.now()
    const child = spawn(file!, args, {
      cwd,
      env: { ...this.env, ...env },
      stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    })
    this.#running.add(child)
    const said = { stdout: '', stderr: '', output: '' }
    for (const name of ['stdout', 'stderr'] as const)
      child[name]!.setEncoding('utf8').on('data', (chunk: string) => {
        said[name] += chunk
        said.output += chunk
      })
    child.stdin?.on('error', () => {}).end(input)
    const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs)
    const ended = once(child, 'close').then(([code, signal]) => {
      clearTimeout(timer)
      this.#running.delete(child)
      return { code, signal, ...said, ms: performance.now() - began }
    })
    const until = async (pattern: RegExp) => {
      for (const last = performance.now() + 60_000; ; await delay(20)) {
        const match = pattern.exec(said.output)
        if (match) return match
        if (!this.#running.has(child) || performance.now() > last) throw new Error(`no ${pattern} in: ${said.output.slice(-500)}`)
      }
    }
    return { child, output: () => said.output, until, ended }
  }

  /** Adds a backend task to the embedded board and answers its id. */
  async task(title: string, ...flags: string[]): Promise<string> {
    const added = await this.runner(['task', 'add', '--tracker', 'embedded', '--title', title, '--role', 'backend_dev', '--json', ...flags])
    if (added.code !== 0) throw new Error(`no task was added: ${added.output}`)
    return (JSON.parse(added.stdout) as { id: string }).id
  }

  /** A task of the embedded board. */
  async taskNow(id: string): Promise<{ status: string; notes: string } & Record<string, unknown>> {
    return JSON.parse((await this.runner(['task', 'show', '--tracker', 'embedded', id, '--json'])).stdout)
  }

  /**
   * From now on the agent CLI is a shell script: LINES run where the agent works, with the prompt in $PROMPT; `say TEXT`
   * and `result [TEXT]` print what a `claude -p` prints.
   */
  shellAgent(lines: string): void {
    this.env.HEADLESS_PM_CLAUDE_COMMAND = this.write('agent/claude', `${SHELL_AGENT}\n${lines}\n`, 0o755)
  }

  /** From now on the agent is the real CLI, and its model says what the script tells it. */
  async scriptedModel(script: ModelScript | ScriptedTurn[] | Improviser): Promise<ScriptedModel> {
    const model = await startScriptedModel(script)
    this.#models.push(model)
    const { PATH: _, HOME: __, ...env } = claudeEnv(join(this.folder, 'claude'), model.url)
    Object.assign(this.env, env, { HEADLESS_PM_CLAUDE_COMMAND: CLAUDE })
    return model
  }

  /** Ends what was started, and removes the folder. */
  async remove(): Promise<void> {
    const children = [...this.#running]
    const gone = children.map(child => once(child, 'close'))
    for (const child of children) child.kill('SIGKILL')
    await Promise.all(gone)
    for (const model of this.#models) await model.close()
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 })
  }
}

const SHELL_AGENT = `#!/bin/sh
case "$1" in
  --version) echo '2.1.329 (Claude Code)'; exit ;;
  auth) echo '{"loggedIn":true,"authMethod":"api_key"}'; exit ;;
esac
say() { printf '{"type":"assistant","message":{"id":"m","content":[{"type":"text","text":"%s"}]}}\\n' "$1"; }
SESSION=s
while [ $# -gt 0 ]; do case $1 in --session-id | --resume) SESSION=$2 ;; esac; shift; done
echo '{"type":"system","subtype":"init","session_id":"'$SESSION'","model":"none"}'
result() {
  echo '{"type":"result","subtype":"success","is_error":false,"terminal_reason":"completed","result":"'\${1-all done}'","num_turns":1,"total_cost_usd":0.01,"duration_ms":1,"session_id":"'$SESSION'","usage":{"input_tokens":1,"output_tokens":1}}'
}
PROMPT=$(cat)`
