import { MASK, redact, redactDocument } from '../core/redaction.ts'
import type { Setting } from './setting.ts'

/** A value as people read it, in one line: secrets masked, lists and records as JSON, `(not set)` for null. */
export function showValue(setting: Setting, value: unknown): string {
  if (value === null || value === undefined) return '(not set)'
  if (setting.secret) return MASK
  const shown = typeof value === 'object' ? JSON.stringify(value) : String(value)
  return redact(shown).replace(/\s+/g, ' ')
}

/** A value for JSON output: the same with secrets masked. */
export function maskValue(setting: Setting, value: unknown): unknown {
  if (value === null) return null
  return setting.secret ? MASK : redactDocument(value)
}
