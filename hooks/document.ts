import { readFileSync } from 'node:fs'

/** The part of the document on stdin that our hooks read; `hook.schema.json` describes all of it. */
export interface HookInput {
  agent: { id: string; role: string }
  run_id: string | null
  task: { id: string; title: string; complexity: string; seniority: string } | null
  workspace: { path: string } | null
  model: string | null
  tracker: { name: string; url: string }
  state_dir: string
  agent_command: string | null
  result?: { reason: string; duration_ms: number; cost_usd: number; commits: object[] }
}

/** What a hook works with: its own process when its file runs as a program, the runner when it is built in. */
export interface HookPlace {
  /** The workspace of the task if there is one already, else the repository. */
  folder: string
  env: Record<string, string | undefined>
  /** Prints a line. */
  say(line: string): void
  /** Runs a program in `folder` to its end. Never rejects because of how it ended. */
  run(file: string, args: string[], timeoutMs: number): Promise<Ran>
  /** Aborts when the hook is to end. */
  signal: AbortSignal
}

/** How a program ended. `failure` is null when its exit code was 0. */
export interface Ran {
  stdout: string
  stderr: string
  failure: { missing: boolean; late: boolean; message: string } | null
}

/** A hook: answers its exit code. What it throws is its last line, and exit code 1. */
export type HookMain = (document: HookInput, place: HookPlace) => Promise<number>

/**
 * Runs a shipped hook as the main program: document from stdin, its words to stdout, its answer as the exit code. A failure
 * of the hook itself is one plain line and exit code 1. The runner wrote the document, so it is not checked again.
 */
export async function runAsProgram(main: HookMain): Promise<void> {
  const { execFile } = await import('node:child_process')
  const run: HookPlace['run'] = (file, args, timeout) =>
    new Promise(resolve => {
      execFile(file, args, { timeout, killSignal: 'SIGKILL' }, (error, stdout, stderr) => {
        const failure = error && { missing: error.code === 'ENOENT', late: error.killed === true, message: error.message }
        resolve({ stdout, stderr, failure })
      })
    })
  const place = { folder: process.cwd(), env: process.env, say: console.log, run, signal: new AbortController().signal }
  try {
    process.exitCode = await main(JSON.parse(readFileSync(0, 'utf8')) as HookInput, place)
  } catch (error) {
    console.error(error instanceof SyntaxError ? `stdin is not the JSON document of a hook: ${error.message}` : (error as Error).message)
    process.exitCode = 1
  }
}

/** Prints what was found, one sentence each; answers the exit code: 1 when something is wrong. */
export function verdict(findings: Finding[], { say }: HookPlace): number {
  for (const { ok, says } of findings) say(ok ? `ok: ${says}` : `NOT ok: ${says}`)
  return findings.every(finding => finding.ok) ? 0 : 1
}

export interface Finding {
  ok: boolean
  says: string
}
