import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openBoard } from '../../src/board/board.ts'
import { boardFile } from '../../src/cli/task/embedded-board.ts'

/** A home, a repository, hooks and an agent that does nothing, all in one folder that goes away. */
export class Sandbox {
  readonly folder = realpathSync(mkdtempSync(join(tmpdir(), 'agent-runner-bench-')))
  readonly home = join(this.folder, 'state')
  readonly repo = join(this.folder, 'repo')
  readonly hooks = join(this.folder, 'hooks')
  readonly agent = join(this.folder, 'do-nothing')
  readonly env: NodeJS.ProcessEnv

  constructor(settings: NodeJS.ProcessEnv = {}) {
    for (const name of ['pre_task', 'post_task', 'health_check']) this.#program(join(this.hooks, name), 'exit 0')
    this.#program(this.agent, DO_NOTHING)
    mkdirSync(this.repo)
    writeFileSync(join(this.repo, 'README.md'), '# benchmark\n')
    this.git('init', '-q', '-b', 'main')
    this.git('config', 'user.name', 'Benchmark')
    this.git('config', 'user.email', 'benchmark@example.com')
    this.git('add', '-A')
    this.git('commit', '-q', '-m', 'start')
    this.env = {
      PATH: process.env.PATH,
      HOME: this.folder,
      IS_SANDBOX: '1',
      GIT_CONFIG_GLOBAL: '/dev/null',
      GIT_CONFIG_NOSYSTEM: '1',
      HEADLESS_PM_HOME: this.home,
      HEADLESS_PM_CLAUDE_COMMAND: this.agent,
      ...settings,
    }
  }

  git(...args: string[]): string {
    return this.gitReading('', ...args)
  }

  /** Runs git with a text on its stdin. */
  gitReading(text: string, ...args: string[]): string {
    return execFileSync('git', args, { cwd: this.repo, encoding: 'utf8', input: text })
  }

  /** The arguments of a runner in this sandbox. */
  runner(agentId: string, ...more: string[]): string[] {
    return ['run', '--role', 'backend_dev', '--agent-id', agentId, '--hooks-dir', this.hooks, '--repo', this.repo, ...more]
  }

  /** The embedded board of this sandbox. */
  async board() {
    mkdirSync(this.home, { recursive: true, mode: 0o700 })
    return openBoard(boardFile(this.home), { project: this.repo })
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 })
  }

  #program(file: string, text: string): void {
    mkdirSync(join(file, '..'), { recursive: true })
    writeFileSync(file, `#!/bin/sh\n${text}\n`)
    chmodSync(file, 0o755)
  }
}

/** Reads its prompt and answers as the `claude` CLI would; sleeps when the prompt asks for it. */
const DO_NOTHING = `
case "$1" in --version) echo '2.1.329 (Claude Code)'; exit 0;; esac
while read -r line; do case $line in *please-sleep*) sleep 60;; esac; done
echo '{"type":"system","subtype":"init","session_id":"00000000-0000-4000-8000-000000000000","model":"none"}'
echo '{"type":"assistant","message":{"id":"msg_1","role":"assistant","content":[{"type":"text","text":"Nothing to do."}],"usage":{"input_tokens":1,"output_tokens":1}}}'
echo '{"type":"result","subtype":"success","is_error":false,"terminal_reason":"completed","result":"Nothing to do.","num_turns":1,"duration_ms":1,"total_cost_usd":0,"session_id":"00000000-0000-4000-8000-000000000000","usage":{"input_tokens":1,"output_tokens":1}}'`
