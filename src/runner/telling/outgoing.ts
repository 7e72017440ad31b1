import type { StampedEvent } from '../../core/event.ts'
import { redactDocument } from '../../core/redaction.ts'
import type { RunRecord } from '../../core/run.ts'
import { storable } from '../../core/storable.ts'
import { isCommand } from '../attempts/attempt-choice.ts'
import type { RunnerContext } from '../context.ts'

type Home = Pick<RunnerContext, 'policy' | 'redact'>

/** Replaces code that stays on this machine. */
const KEPT = '(kept at home)'
/** A block that is indented as code; a long piece between backticks. */
const CODE = [/(?:^(?: {4}|\t)[^\n]*(?:\n|$))+/gm, /`[^`]{40,}`/g]
/** The first line of a fenced block of Markdown, and its last. */
const FENCE = /^ {0,3}(`{3,}|~{3,})/
const FENCE_END = /^ {0,3}([`~]{3,})[ \t]*$/
/** The name of a file or a command, never its content. */
const NAME = /^[\w./~@:+-]{0,300}$/

/** An event as it may leave this machine: storable, without known secrets, and without code where code stays here. */
export function outgoingEvent(event: StampedEvent, { policy, redact }: Home): StampedEvent {
  return redactDocument(policy.sendsDiff ? event : withoutCode(event), text => storable(redact(text)))
}

/** What people are told at a run's end, as it may leave this machine. */
export function outgoingNote(note: string, { policy, redact }: Home): string {
  return storable(redact(policy.sendsDiff ? note : cutCode(note)))
}

/** Replaces the output of a run's last command where it must not go into the note; undefined where it may, and after an agent. */
export function outgoingOutput(record: Pick<RunRecord, 'task' | 'attempts'>, { policy }: Home): string | undefined {
  const last = record.attempts.at(-1)
  return !policy.sendsDiff && last && isCommand(last.part, record) ? KEPT : undefined
}

/**
 * What an agent or a hook prints may be the content of a file, so all of it stays here. An observer still sees what is done, and with
 * which file.
 */
function withoutCode(event: StampedEvent): StampedEvent {
  switch (event.type) {
    case 'agent_thinking':
    case 'agent_text':
    case 'tool_result':
      return { ...event, text: KEPT }
    case 'tool_used': {
      const { input: _, ...told } = event
      return { ...told, argument: NAME.test(event.argument) ? event.argument : KEPT }
    }
    case 'attempt_ended':
      return { ...event, end: { ...event.end, text: KEPT, verdict: null } }
    case 'hook_finished':
      return { ...event, message: KEPT }
    default:
      return event
  }
}

function cutCode(text: string): string {
  return CODE.reduce((left, pattern) => left.replace(pattern, `${KEPT}\n`), withoutFences(text))
}

/**
 * Works line by line, because one expression for the whole block takes quadratic time on a row of backticks. A block that is not closed
 * goes to the end.
 */
function withoutFences(text: string): string {
  const lines = text.split(/\r\n?|\n/)
  const left: string[] = []
  let fence: string | undefined
  for (const [n, line] of lines.entries()) {
    if (fence !== undefined) {
      if (FENCE_END.exec(line)?.[1]?.startsWith(fence)) fence = undefined
      continue
    }
    fence = n < lines.length - 1 ? FENCE.exec(line)?.[1] : undefined
    left.push(...(fence === undefined ? [line] : [KEPT, '']))
  }
  return left.join('\n')
}
