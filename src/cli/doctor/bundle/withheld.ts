import type { EndReason } from '../../../core/ends.ts'

/** Keys whose values come from a task, an agent or a person; they are not needed to find a fault of the runner. */
const SPOKEN = new Set([
  'title',
  'task_title',
  'description',
  'criteria',
  'notes',
  'note',
  'text',
  'argument',
  'subject',
  'summary',
  'findings',
  'doing',
  'diff',
])

/** Ends of an attempt whose text comes from the CLI or the system and says what went wrong. */
const DIAGNOSTIC = new Set<unknown>([
  'account_blocked',
  'api_error',
  'api_refused',
  'api_unreachable',
  'cli_missing',
  'crashed',
  'killed',
  'no_start',
  'not_logged_in',
  'prompt_refused',
  'prompt_too_long',
  'session_broken',
  'session_lost',
  'session_outgrown',
  'step_failed',
  'system_short',
  'unknown_model',
  'wrong_model',
  'usage_limit',
] satisfies EndReason[])

/** A copy of a JSON value in which only the length is left of spoken texts. Everything else is as it was. */
export function withheld(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withheld)
  if (typeof value !== 'object' || value === null) return value
  const { reason, type, exitCode } = value as Record<string, unknown>
  const diagnostic = DIAGNOSTIC.has(reason)
  // A hook may print the task that it got.
  const idle = type === 'hook_finished' && exitCode === 0
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => {
      const spoken = (SPOKEN.has(key) && !(key === 'text' && diagnostic)) || (key === 'message' && idle)
      return [key, spoken ? lengthOf(inner) : withheld(inner)]
    }),
  )
}

function lengthOf(value: unknown): unknown {
  if (typeof value === 'string') return value === '' ? '' : `[${value.length} characters]`
  if (Array.isArray(value)) return value.map(lengthOf)
  return withheld(value)
}
