import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { closeSync, mkdirSync, openSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import type { AgentEvent } from '../../src/core/event.ts'
import type { Agent, AttemptPlan, ExitRecord } from '../../src/core/ports/agent.ts'
import type { AttemptEnd } from '../../src/core/run.ts'

/** The real CLI that this checkout pins. */
export const CLAUDE = resolve(import.meta.dirname, '../../node_modules/.bin/claude')

/**
 * An environment in which the real CLI talks to a scripted model and keeps everything (settings, transcripts, sockets)
 * below `folder`. It does not retry by itself, and runs as root too.
 */
export function claudeEnv(folder: string, modelUrl: string): Record<string, string> {
  const home = join(folder, 'home')
  const temp = join(folder, 'tmp')
  for (const made of [home, temp]) mkdirSync(made, { recursive: true })
  return {
    PATH: process.env.PATH ?? '',
    HOME: home,
    TMPDIR: temp,
    CLAUDE_CONFIG_DIR: join(home, '.claude'),
    IS_SANDBOX: '1',
    ANTHROPIC_BASE_URL: modelUrl,
    ANTHROPIC_API_KEY: 'a-key-for-tests',
    CLAUDE_CODE_MAX_RETRIES: '0',
  }
}

/** Starts an attempt as a supervisor does, but as a child; `onEvent` may end it by the function that it is given. */
export async function runAttempt(
  agent: Agent,
  plan: AttemptPlan,
  options: { prompt: string; folder: string; env: Record<string, string>; onEvent?: (event: AgentEvent, kill: () => void) => void },
): Promise<{ end: AttemptEnd; events: AgentEvent[]; lines: string[]; exit: ExitRecord; stderr: string }> {
  const command = agent.command(plan)
  const promptFile = join(options.folder, 'prompt.md')
  writeFileSync(promptFile, options.prompt)
  const env: NodeJS.ProcessEnv = { ...options.env }
  for (const [name, value] of Object.entries(command.env)) {
    if (value === null) delete env[name]
    else env[name] = value
  }
  const startedAt = new Date()
  const stdin = openSync(promptFile, 'r')
  const child = spawn(command.file, command.args, { cwd: plan.cwd, env, stdio: [stdin, 'pipe', 'pipe'] }) as ChildProcessByStdio<
    null,
    Readable,
    Readable
  >
  closeSync(stdin)
  const reader = agent.reader({ mode: plan.mode })
  const events: AgentEvent[] = []
  const lines: string[] = []
  let stderr = ''
  child.stderr.on('data', chunk => {
    stderr += chunk
  })
  const read = createInterface({ input: child.stdout }).on('line', line => {
    lines.push(line)
    for (const event of reader.read(line)) {
      events.push(event)
      options.onEvent?.(event, () => child.kill('SIGKILL'))
    }
  })
  const drained = new Promise(done => read.once('close', done))
  const [code, signal] = await new Promise<[number | null, string | null]>((done, failed) => {
    child.once('error', failed)
    child.once('exit', (...how) => done(how))
  })
  await drained
  const exit: ExitRecord = {
    version: 1,
    code,
    signal,
    cause: null,
    message: '',
    startedAt: startedAt.toISOString(),
    endedAt: new Date().toISOString(),
    durationMs: Date.now() - startedAt.getTime(),
  }
  return { end: reader.end(exit, stderr), events, lines, exit, stderr }
}
