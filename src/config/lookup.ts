import { RunnerError } from '../core/errors.ts'
import { nearest } from './nearest.ts'
import { isKey, KEYS, type Key, setting } from './schema.ts'
import { envNames } from './setting.ts'

/**
 * The setting that a name means, and the path inside its record: `models.roles.qa` is `models.roles` at `['qa']`. Throws USAGE for an
 * unknown name, with the nearest known one.
 */
export function findSetting(name: string): { key: Key; inside: string[] } {
  if (isKey(name)) return { key: name, inside: [] }
  const key = KEYS.find(known => setting(known).kind === 'record' && name.startsWith(`${known}.`))
  if (key) return { key, inside: name.slice(key.length + 1).split('.') }
  const near = KEYS.find(known => envNames(setting(known)).includes(name)) ?? nearest(name, KEYS)
  throw new RunnerError('USAGE', `${name}: unknown setting${near ? `; did you mean ${near}?` : ''}`, {
    advice: '`agent-runner config list` shows them all.',
  })
}

/** What is at a path inside a value; null when nothing is. */
export function valueAt(value: unknown, inside: string[]): unknown {
  return inside.reduce<unknown>((at, part) => (isRecord(at) && Object.hasOwn(at, part) ? at[part] : null), value)
}

/** A copy of a record with something else at the path inside it. */
export function withValueAt(value: unknown, [part, ...rest]: string[], to: unknown): unknown {
  if (part === undefined) return to
  const copy: Record<string, unknown> = isRecord(value) ? { ...value } : {}
  return { ...copy, [part]: withValueAt(Object.hasOwn(copy, part) ? copy[part] : {}, rest, to) }
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value)
