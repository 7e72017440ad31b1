import { whatIsWanted } from '../core/text/wanted.ts'
import { showValue } from './masking.ts'
import { type Key, setting } from './schema.ts'
import type { Z } from './setting.ts'
import { type Found, type Problem, sayProblem } from './source.ts'
import { fromText } from './text-value.ts'

/** The value of a setting as found, checked by its schema; or the problem with it, in one line. */
export function check(z: Z, key: Key, found: Found): { value: unknown } | { problem: Problem } {
  const row = setting(key)
  const raw = found.asText && typeof found.raw === 'string' ? fromText(row, found.raw) : found.raw
  if (raw === null && row.default === null) return { value: null }
  const result = row.schema(z).safeParse(raw, { error: whatIsWanted })
  if (result.success) return { value: result.data }
  const issue = result.error.issues[0]
  const inside = issue && row.kind === 'record' && issue.path.length > 0 ? `at ${issue.path.join('.')} ` : ''
  const shown = showValue(row, found.raw)
  return { problem: sayProblem(found.source, shown, inside + (issue?.message ?? 'not valid')) }
}
