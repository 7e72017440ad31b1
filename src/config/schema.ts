import type * as Zod from 'zod'
import type { Setting } from './setting.ts'
import { AGENT } from './settings/agent.ts'
import { HISTORY } from './settings/history.ts'
import { IDENTITY } from './settings/identity.ts'
import { RULES } from './settings/rules.ts'
import { SERVER } from './settings/server.ts'
import { TIMES } from './settings/times.ts'
import { TRACKER } from './settings/tracker.ts'
import { WORKSPACE } from './settings/workspace.ts'

/** The one table of settings. A dot in a key makes a group in files: `models.junior`. */
export const SETTINGS = { ...IDENTITY, ...TRACKER, ...WORKSPACE, ...AGENT, ...RULES, ...TIMES, ...HISTORY, ...SERVER }

export type Key = keyof typeof SETTINGS

/** The keys in the order of the table. */
export const KEYS = Object.keys(SETTINGS) as Key[]

/** The settings of the server alone; a runner has no use for them. */
export const SERVER_KEYS = Object.keys(SERVER) as Key[]

/** The same table in topics, for pages that people read. */
export const TOPICS: { title: string; keys: Key[] }[] = [
  { title: 'Who works, and where', keys: Object.keys(IDENTITY) as Key[] },
  { title: 'Where tasks come from', keys: Object.keys(TRACKER) as Key[] },
  { title: 'Workspaces and git', keys: Object.keys(WORKSPACE) as Key[] },
  { title: 'The agent, its models and its budget', keys: Object.keys(AGENT) as Key[] },
  { title: 'Hooks, roles and limits', keys: Object.keys(RULES) as Key[] },
  { title: 'Deadlines and intervals', keys: Object.keys(TIMES) as Key[] },
  { title: 'What is kept of finished runs', keys: Object.keys(HISTORY) as Key[] },
  { title: 'The server', keys: SERVER_KEYS },
]

type ValueOf<S extends Setting> = Zod.infer<ReturnType<S['schema']>> | (S['default'] extends null ? null : never)

/** Every setting's value, by key. Paths are absolute; durations are in seconds. */
export type Values = { [K in Key]: ValueOf<(typeof SETTINGS)[K]> }

/** A setting as its row, with the wide type. */
export function setting(key: Key): Setting {
  return SETTINGS[key]
}

/** Whether a text is the key of a setting. */
export function isKey(name: string): name is Key {
  return Object.hasOwn(SETTINGS, name)
}

/** The value that commander's flags give to a setting; undefined when they give none. */
export function flagValue(key: Key, flags: Record<string, unknown>): unknown {
  const value = flags[flagAttribute(key) ?? '']
  const { flagMeans } = setting(key)
  if (flagMeans === undefined) return value
  return value === !isNegated(key) ? flagMeans : undefined
}

/** The name under which commander keeps a flag: `--agent-id <id>` is `agentId`, `--no-diff` is `diff`, which is false then; null without a flag. */
export function flagAttribute(key: Key): string | null {
  const name = flagName(key)
  if (name === null) return null
  const words = name.slice(isNegated(key) ? '--no-'.length : '--'.length)
  return words.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase())
}

/** Whether the flag takes something away: commander keeps `--no-diff` as a `diff` that is false. */
const isNegated = (key: Key) => setting(key).flagMeans !== undefined && flagName(key)!.startsWith('--no-')

/** The long flag without its placeholder: `--agent-id`; null when there is none. */
export function flagName(key: Key): string | null {
  return /--[\w-]+/.exec(setting(key).flag ?? '')?.[0] ?? null
}
