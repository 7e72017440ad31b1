import type { Setting } from './setting.ts'

/** What stands in every output in the place of a secret. */
export const MASK = '********'

/** A value as people read it, in one line: secrets masked, lists and records as JSON, `(not set)` for null. */
export function showValue(setting: Setting, value: unknown): string {
  if (value === null || value === undefined) return '(not set)'
  if (setting.secret) return MASK
  const shown = typeof value === 'object' ? JSON.stringify(value) : String(value)
  return hideCredentials(shown).replace(/\s+/g, ' ')
}

/** A value for JSON output: the same with secrets masked. */
export function maskValue(setting: Setting, value: unknown): unknown {
  if (value === null) return null
  return setting.secret ? MASK : value
}

/** Text with the user and password of every URL in it hidden, for messages about a value that was refused. */
export function hideCredentials(text: string): string {
  return text.replace(/(\w+:\/\/)[^/\s]*@/g, `$1${MASK}@`)
}
