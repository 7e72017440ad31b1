import * as z from 'zod'
import { readJson } from '../../core/json.ts'
import { runChild } from '../../machine/process/run-child.ts'

/** The versions that the runner was tried with: 2.1.x, in particular 2.1.329. Others may work, but nobody has tried. */
export const TRIED_RANGE = '2.1.x'

export interface ClaudeProbe {
  /** As `claude --version` tells it; null when it did not answer. */
  version: string | null
  inTriedRange: boolean
  loggedIn: 'yes' | 'no' | 'unknown'
  /** How it is logged in (`api_key`, `claude.ai`, `oauth_token`, `third_party` …), or why that is not known. */
  how: string
}

const authStatus = z.looseObject({ loggedIn: z.boolean(), authMethod: z.string().catch('') })

/**
 * Asks the CLI for its version and login, as `doctor` shows them. Takes at most `timeoutMs` per question; no request is
 * sent to the model, so a key that the API refuses still counts as a login. Never rejects.
 */
export async function probeClaude(command: string, env: NodeJS.ProcessEnv = process.env, timeoutMs = 15_000): Promise<ClaudeProbe> {
  const told = await ask('probe', command, ['--version'], env, timeoutMs)
  const version = /\d{1,9}\.\d{1,9}\.\d{1,9}\S*/.exec(told.stdout)?.[0] ?? null
  const inTriedRange = version?.startsWith('2.1.') ?? false
  if (version === null)
    return { version, inTriedRange, loggedIn: 'unknown', how: told.failure ?? `it answered: ${told.stdout.slice(0, 200)}` }
  const status = await ask('agent', command, ['auth', 'status', '--json'], env, timeoutMs)
  // It exits with 1 when not logged in, and says so in the same document.
  const parsed = authStatus.safeParse(parsedJson(status.stdout)).data
  if (!parsed)
    return { version, inTriedRange, loggedIn: 'unknown', how: status.failure ?? '`auth status` gave no answer that is understood' }
  return { version, inTriedRange, loggedIn: parsed.loggedIn ? 'yes' : 'no', how: parsed.authMethod || 'unknown' }
}

/** Only its login is a question of the agent's environment, which may hold a key. */
async function ask(
  need: 'probe' | 'agent',
  file: string,
  args: string[],
  ours: NodeJS.ProcessEnv,
  timeoutMs: number,
): Promise<{ stdout: string; failure: string | null }> {
  const end = await runChild({ need, file, args, ours, timeoutMs, mostBytes: 1024 * 1024, graceMs: 0 })
  const stdout = end.stdout.toString()
  if (end.code === 0 && end.stopped === null) return { stdout, failure: null }
  const late = end.stopped === 'late' && `no answer within ${timeoutMs / 1000} s`
  return { stdout, failure: late || end.stderr.trim().slice(0, 500) || end.startError?.message || 'failed' }
}

function parsedJson(text: string): unknown {
  try {
    return readJson(text)
  } catch {
    return null
  }
}
