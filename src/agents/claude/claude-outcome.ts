import * as z from 'zod'
import type { EndReason } from '../../core/ends.ts'
import type { AttemptPlan, ExitRecord } from '../../core/ports/agent.ts'
import type { Verdict } from '../../core/run.ts'
import { causeOf } from './claude-causes.ts'
import { resetTimeIn } from './claude-reset-time.ts'
import type { ClaudeResult } from './claude-stream.ts'
import { cut } from './claude-words.ts'

/** Everything that is known about an attempt when it has ended. */
export interface Evidence {
  /** How the attempt began: in a new session, or in one in which something was said before. */
  mode: AttemptPlan['mode']
  exit: ExitRecord
  stderr: string
  /** The last result line that counts; null when there was none. */
  result: ClaudeResult | null
  /** The CLI offered the tool for a structured verdict. */
  verdictAsked: boolean
  verdict: unknown
  /** The CLI's word for the last error of the API; '' for none. */
  apiError: string
  lastText: string
  /** The CLI has said that it began. */
  begun: boolean
  /** How often the model answered, and how many tools it called. */
  turns: number
  toolCalls: number
  /** The CLI was trying to reach the API again, with this status as its last answer; `null`: none; undefined: it was not. */
  retrying: number | null | undefined
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
 * Whether a result line comes from the CLI: either the CLI ended by itself, with 0 after a success, or our supervisor ended it, since it
 * is known to hang after its result. After a signal that we did not send, anybody may have written the line.
 */
export function isItsWord(result: ClaudeResult, exit: ExitRecord): boolean {
  if (exit.cause !== null) return exit.cause !== 'start_failed' && exit.cause !== 'no_room'
  return !wasKilled(exit) && (isFailure(result) || exit.code === 0)
}

/**
 * What an attempt came to. Its result line comes first, then why the supervisor ended it, then stderr and exit code. Without a result line
 * nothing is ever a success, not even exit code 0.
 */
export function classify(evidence: Evidence): Outcome {
  const { exit, stderr, result } = evidence
  const failed = (reason: EndReason, said: string): Outcome => {
    const limitEnds = () => evidence.resetsAt ?? resetTimeIn(said, Date.parse(exit.endedAt))
    return { reason, text: cut(said.trim(), 8_000), verdict: null, resetsAt: reason === 'usage_limit' ? limitEnds() : null }
  }

  if (exit.cause === 'no_room') return failed('system_short', exit.message)
  if (exit.cause === 'start_failed') return failed('cli_missing', exit.message)
  if (result && !isFailure(result)) return finished(result, evidence)
  if (result) {
    const text = result.result || result.errors.join('\n')
    const reason = errorReason(result, evidence, text)
    const said = text || evidence.lastText || result.subtype
    if (reason) return failed(reason, said)
    if (exit.cause === null) return failed('crashed', said)
  }
  const said = evidence.lastText || exit.message || lastLines(stderr)
  if (exit.cause === 'deadline' || exit.cause === 'silent') {
    const outage = unanswered(evidence, exit.cause)
    if (outage) return failed(outage, 'The model API did not answer.')
    return failed(exit.cause === 'deadline' ? 'timed_out' : 'silent', said)
  }
  if (exit.cause === 'stopped') return failed('stopped', said)
  // After its first tool call, its complaints may be about anything.
  const refused =
    evidence.toolCalls > 0 ? null : causeOf({ where: 'stderr', status: null, error: '', terminal: '', opening: false, text: stderr })
  if (refused) return failed(refused, lastLines(stderr))
  if (exit.code === 126 || exit.code === 127) return failed('cli_missing', lastLines(stderr) || exit.message)
  const how = exit.signal ? `ended by ${exit.signal}` : `exit code ${exit.code ?? 'unknown'}`
  const why = [`The CLI ended without a result (${how}).`, lastLines(stderr)].join('\n')
  if (wasKilled(exit)) return failed('killed', why)
  // The task has not reached the model yet.
  return failed(evidence.begun || exit.signal !== null ? 'crashed' : 'no_start', why)
}

/** `subtype` says success even for errors of the API, so `is_error` is asked first. */
function isFailure(result: ClaudeResult): boolean {
  return result.is_error || result.subtype.startsWith('error')
}

function finished(result: ClaudeResult, { verdict, verdictAsked, lastText, toolCalls }: Evidence): Outcome {
  const text = cut((result.result || lastText).trim(), 8_000)
  const parsed = verdictSchema.safeParse(verdict).data ?? null
  if (!parsed) {
    // To take silence for "pass" would let unchecked work through.
    if (verdictAsked) return { reason: 'crashed', text: `No verdict was given.\n${text}`, verdict: null, resetsAt: null }
    const reason = text === '' && toolCalls === 0 ? 'said_nothing' : 'completed'
    return { reason, text, verdict: null, resetsAt: null }
  }
  const reasons = { pass: 'completed', send_back: 'sent_back', blocked: 'blocked' } as const
  return { reason: reasons[parsed.outcome], text: cut(parsed.summary, 8_000), verdict: parsed, resetsAt: null }
}

/** The reason that a result line with an error gives for certain; null when it only says that something went wrong. */
function errorReason(result: ClaudeResult, { apiError: error, mode, turns }: Evidence, text: string): EndReason | null {
  if (result.subtype === 'error_max_budget_usd') return 'over_budget'
  if (result.subtype === 'error_max_turns') return 'turns_spent'
  const opening = mode === 'fresh' && turns === 0
  return causeOf({ where: 'result', status: result.api_error_status, error, terminal: result.terminal_reason, opening, text })
}

/** Whether the CLI was waiting for the model API when it was ended. The silence of an agent at work is its own fault. */
function unanswered({ begun, turns, retrying }: Evidence, cause: 'deadline' | 'silent'): EndReason | null {
  if (retrying !== undefined) return retrying === null ? 'api_unreachable' : 'api_error'
  return begun && turns === 0 && cause === 'silent' ? 'api_unreachable' : null
}

/** Ended by a signal with which a person, the system or its memory guard ends a process; a crash of the CLI has others. */
function wasKilled(exit: ExitRecord): boolean {
  if (exit.signal !== null) return ['SIGKILL', 'SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT'].includes(exit.signal)
  // Nothing is known about the end when the machine or supervisor died with it.
  if (exit.code === null) return true
  return [129, 130, 131, 137, 143].includes(exit.code)
}

function lastLines(text: string): string {
  return text.trim().split('\n').slice(-5).join('\n').slice(-2_000)
}
