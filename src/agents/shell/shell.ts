import { stripVTControlCharacters } from 'node:util'
import type { EndReason } from '../../core/ends.ts'
import type { Agent, AttemptReader, ExitRecord } from '../../core/ports/agent.ts'

/** Lines of output that are told as events, and how long one is; the whole output is in the attempt's folder. */
const TOLD = 1_000
const LINE = 2_000
/** The command that runs instead in a dry run. */
const ONLY_SAY = 'echo "This would be run:"; cat'
/** How many of the last lines of output go into the result of the command. */
const LAST = 20

/**
 * A shell command of a workflow or pipeline, run as an attempt is. The command comes in on stdin, so it stands in no argument list. Its
 * exit code is its outcome. In a dry run it is only shown. A command that was cut off is run again, so it must be repeatable.
 */
export function openShell(): Agent {
  return {
    name: 'shell',
    resultLine: null,
    ensureThere: () => {},
    command: ({ dryRun }) => ({ need: 'command', file: '/bin/sh', args: dryRun ? ['-c', ONLY_SAY] : ['-s'], env: {} }),
    canResume: () => false,
    account: () => 'shell',
    reader: () => new OutputReader(),
  }
}

class OutputReader implements AttemptReader {
  #told = 0
  #last: string[] = []

  read(line: string) {
    const text = stripVTControlCharacters(line).slice(0, LINE)
    this.#last.push(text)
    if (this.#last.length > LAST) this.#last.shift()
    if (++this.#told > TOLD) return []
    const event = { type: 'agent_text', text: this.#told === TOLD ? '… more output is in the log of the attempt' : text } as const
    return [event]
  }

  end(exit: ExitRecord, stderr: string) {
    const output = [...this.#last, ...stderr.trim().split('\n').slice(-LAST)].filter(line => line.trim() !== '')
    const reason = reasonOf(exit)
    const code = exit.code === null ? `signal ${exit.signal ?? 'unknown'}` : `exit code ${exit.code}`
    return {
      reason,
      text: [reason === 'completed' ? '' : exit.message || code, ...output.slice(-LAST)].filter(Boolean).join('\n'),
      verdict: null,
      sessionId: null,
      model: null,
      costUsd: 0,
      turns: 0,
      toolCalls: 0,
      tokens: { input: 0, output: 0, cacheRead: 0, cacheWrite: 0 },
      durationMs: exit.durationMs,
      resetsAt: null,
    }
  }
}

function reasonOf({ cause, code, signal }: ExitRecord): EndReason {
  if (cause === 'deadline') return 'timed_out'
  if (cause === 'stopped') return 'stopped'
  if (cause === 'silent') return 'silent'
  if (cause === 'no_room') return 'system_short'
  if (cause === 'start_failed') return 'crashed'
  if (code === 0) return 'completed'
  // A shell tells that its command was killed by 128 + the signal.
  return signal !== null || code === null || code === 137 || code === 143 ? 'killed' : 'command_failed'
}
