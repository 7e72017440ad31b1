import * as z from 'zod'
import type { EndReason } from '../core/ends.ts'
import type { ExitRecord } from '../core/ports.ts'
import type { Verdict } from '../core/run.ts'
import { resetTimeIn } from './claude-reset-time.ts'
import type { ClaudeResult } from './claude-stream.ts'
import { cut } from './claude-words.ts'

/** All that is known of an attempt when it has ended. */
export interface Evidence {
  exit: ExitRecord
  stderr: string
  /** The last result line; null when there was none. */
  result: ClaudeResult | null
  /** The CLI offered the tool for a structured verdict. */
  verdictAsked: boolean
  verdict: unknown
  /** The CLI's word for the last error of the API; '' for none. */
  apiError: string
  lastText: string
  /** Epoch milliseconds, from the last rejected rate limit; null for none. */
  resetsAt: number | null
}

export interface Outcome {
  reason: EndReason
  text: string
  verdict: Verdict | null
  resetsAt: number | null
}

const verdictSchema = z.object({
  outcome: z
    .enum(['pass', 'send_back', 'blocked'])
    .describe('pass: everything holds. send_back: something must be mended. blocked: it cannot be judged.'),
  summary: z.string().describe('One or two sentences for the next person.'),
  findings: z.array(z.string()).describe('What must be mended, one finding each; empty when nothing.'),
})

/** The JSON schema to which the CLI holds the model's verdict, as its `--json-schema` takes it. */
export function verdictJsonSchema(): string {
  const { $schema: _, ...schema } = z.toJSONSchema(verdictSchema)
  return JSON.stringify(schema)
}

/**
 * What an attempt came to. A result line without an error counts however the process ended: the CLI is known to hang
 * after it. Then comes what a result line with an error says for certain, then why the supervisor ended it, then stderr
 * and exit code. Without a result line nothing is ever a success, not even exit code 0.
 */
export function classify(evidence: Evidence): Outcome {
  const { exit, stderr, result } = evidence
  const failed = (reason: EndReason, said: string): Outcome => {
    const limitEnds = () => evidence.resetsAt ?? resetTimeIn(said, Date.parse(exit.endedAt))
    return { reason, text: cut(said.trim(), 8_000), verdict: null, resetsAt: reason === 'usage_limit' ? limitEnds() : null }
  }

  if (exit.cause === 'start_failed') return failed('cli_missing', exit.message)
  if (result && !isFailure(result)) return finished(result, evidence)
  if (result) {
    const text = result.result || result.errors.join('\n') || evidence.lastText || result.subtype
    const reason = errorReason(result, evidence.apiError, text)
    if (reason) return failed(reason, text)
    if (exit.cause === null) return failed('crashed', text)
  }
  const said = evidence.lastText || exit.message || lastLines(stderr)
  if (exit.cause === 'deadline') return failed('timed_out', said)
  if (exit.cause === 'silent') return failed('silent', said)
  if (exit.cause === 'stopped') return failed('stopped', said)
  const refused = refusal(stderr)
  if (refused) return failed(refused, lastLines(stderr))
  if (exit.code === 126 || exit.code === 127) return failed('cli_missing', lastLines(stderr) || exit.message)
  const how = exit.signal ? `ended by ${exit.signal}` : `exit code ${exit.code ?? 'unknown'}`
  const why = [`The CLI ended without a result (${how}).`, lastLines(stderr)].join('\n')
  return failed(killedFromOutside(exit) ? 'killed' : 'crashed', why)
}

/** `subtype` says success even for errors of the API, so `is_error` is asked first. */
function isFailure(result: ClaudeResult): boolean {
  return result.is_error || result.subtype.startsWith('error')
}

function finished(result: ClaudeResult, { verdict, verdictAsked, lastText }: Evidence): Outcome {
  const text = cut((result.result || lastText).trim(), 8_000)
  const parsed = verdictSchema.safeParse(verdict).data ?? null
  if (!parsed) {
    if (!verdictAsked) return { reason: 'completed', text, verdict: null, resetsAt: null }
    // Taking silence for "pass" would let unchecked work through.
    return { reason: 'crashed', text: `No verdict was given.\n${text}`, verdict: null, resetsAt: null }
  }
  const reasons = { pass: 'completed', send_back: 'sent_back', blocked: 'blocked' } as const
  return { reason: reasons[parsed.outcome], text: cut(parsed.summary, 8_000), verdict: parsed, resetsAt: null }
}

/** What a result line with an error says for certain; null when only that something went wrong. */
function errorReason(result: ClaudeResult, apiError: string, text: string): EndReason | null {
  if (result.subtype === 'error_max_budget_usd' || result.subtype === 'error_max_turns') return 'over_budget'
  // A conversation that no longer fits cannot be resumed; the work is in the workspace.
  if (result.terminal_reason === 'prompt_too_long') return 'session_lost'
  const refused = refusal(text)
  if (refused) return refused
  const status = result.api_error_status
  if (status === 401 || status === 403 || apiError === 'authentication_failed') return 'not_logged_in'
  if (status === 404 || apiError === 'model_not_found') return 'unknown_model'
  // An empty account fills again like a limit that is reset: nothing is lost by waiting.
  if (status === 429 || apiError === 'rate_limit' || apiError === 'billing_error') return 'usage_limit'
  if (status !== null || apiError !== '' || result.terminal_reason === 'api_error') return 'api_error'
  return null
}

/** Texts with which the CLI refuses before it asks the model. They are the only ones that are matched. */
function refusal(text: string): EndReason | null {
  if (/No conversation found with session ID|Session ID \S+ is already in use/i.test(text)) return 'session_lost'
  if (/Not logged in · |Please run \/login|Invalid API key/i.test(text)) return 'not_logged_in'
  if (/(session|usage|weekly|\d-hour|Opus|Sonnet) limit.* resets |usage limit reached/i.test(text)) return 'usage_limit'
  if (/cannot be used with root\/sudo|error: unknown option|error: option '/i.test(text)) return 'cli_missing'
  return null
}

/** Signals by which a person, the system or its memory guard ends a process; a crash of the CLI has others. */
function killedFromOutside(exit: ExitRecord): boolean {
  if (exit.signal !== null) return ['SIGKILL', 'SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT'].includes(exit.signal)
  // Nothing is known of the end when the machine or supervisor went with it.
  if (exit.code === null) return true
  return [129, 130, 131, 137, 143].includes(exit.code)
}

function lastLines(text: string): string {
  return text.trim().split('\n').slice(-5).join('\n').slice(-2_000)
}
