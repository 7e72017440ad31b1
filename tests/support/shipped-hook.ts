import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import type { HookDocument } from '../../src/core/ports/hooks.ts'

/** Runs a shipped hook as a program of its own. `stdin` is what it reads; task keys must be those of the wire. */
export async function runShipped(words: string[], stdin: HookDocument | string, cwd: string, env: Record<string, string> = {}) {
  const child = spawn(process.execPath, words, { cwd, env: { ...process.env, ...env }, stdio: 'pipe' })
  child.stdin.on('error', () => {})
  child.stdin.end(typeof stdin === 'string' ? stdin : JSON.stringify(stdin))
  const [out, err, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')])
  return { code: code as number | null, out, err }
}
