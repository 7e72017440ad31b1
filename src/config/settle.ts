import { check } from './check.ts'
import { absolute, type Bases } from './places.ts'
import { flagName, flagValue, KEYS, type Key, setting } from './schema.ts'
import type { Z } from './setting.ts'
import { DEFAULT_SOURCE, type Found, type Problem, type Source } from './source.ts'
import { withAbsoluteFiles } from './sources/argument-files.ts'

/** What one place (flags, environment, a file) says. */
export type Layer = Map<Key, Found>

export interface Settled {
  value: unknown
  source: Source
}

/** What the nearest layer says of a setting. */
export function nearest(key: Key, layers: Layer[]): Found | undefined {
  return layers.map(layer => layer.get(key)).find(entry => entry !== undefined)
}

/** The nearest value of a setting, checked, and where it came from. A bad one is a problem, and the default stands in for it. */
export function settle(z: Z, key: Key, layers: Layer[], bases: Bases, problems: Problem[]): Settled {
  const row = setting(key)
  const found = nearest(key, layers)
  const source = found?.source ?? DEFAULT_SOURCE
  const checked = found ? check(z, key, found) : { value: row.default }
  if ('problem' in checked) problems.push(checked.problem)
  const value = 'problem' in checked ? row.default : checked.value
  const isPath = (row.kind === 'path' || row.kind === 'command') && typeof value === 'string'
  const toAbsolute = (path: string) => absolute(row, path, source, bases)
  if (isPath) return { value: toAbsolute(value), source }
  return { value: row.kind === 'arguments' ? withAbsoluteFiles(value as string[], toAbsolute) : value, source }
}

/** Flags that commander read, by setting. */
export function fromFlags(flags: Record<string, unknown>): Layer {
  const found: Layer = new Map()
  for (const key of KEYS) {
    const raw = flagValue(key, flags)
    if (raw === undefined) continue
    found.set(key, { raw, asText: true, source: { kind: 'flag', name: flagName(key) ?? '', path: null, line: null } })
  }
  return found
}
