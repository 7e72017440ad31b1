import { join } from 'node:path'
import { readPlainFile } from '../../machine/files/plain-file.ts'
import { runningTexts } from './agent-texts.ts'

/** A file in a checkout from which the agent CLI takes more than text, and what it wants there. */
export interface Demand {
  /** As it is named from the checkout. */
  name: string
  wants: string[]
  /** The demands that are not free, as they were read. */
  weight: string
}

/** Where the `claude` CLI looks in a checkout. It asks nobody when nobody is at a terminal. */
const SETTINGS = ['.claude/settings.json', '.claude/settings.local.json']
const SERVERS = '.mcp.json'

/** The settings of the CLI that are free: they restrict it, or say how it writes. All others run something, or say where keys go. */
const FREE = ['$schema', 'attribution', 'includeCoAuthoredBy', 'language', 'model', 'outputStyle']
const FREE_PERMISSIONS = ['deny', 'ask']
/** Nobody reads longer files. */
const LONGEST = 1024 * 1024

/**
 * What a checkout demands of the agent CLI beyond what is free: an environment, hooks, servers, helpers for keys. `skipsPermissions` says
 * that the agent may do everything anyway, so that what the checkout permits adds nothing.
 */
export function agentFiles(checkout: string, skipsPermissions: boolean): Demand[] {
  return [
    ...SETTINGS.map(name => demandOf(name, checkout, value => settingsWeight(value, skipsPermissions))),
    demandOf(SERVERS, checkout, value => (isMapping(value) ? without({ mcpServers: value.mcpServers ?? {} }, []) : {})),
    ...runningTexts(checkout, skipsPermissions).map(({ name, why, text }) => ({ name, wants: [why], weight: text })),
  ].filter(demand => demand !== null)
}

function demandOf(name: string, checkout: string, weigh: (value: unknown) => Record<string, unknown>): Demand | null {
  const path = join(checkout, name)
  let text: string
  try {
    const read = readPlainFile(path, LONGEST)
    if (read.is === 'absent' || read.is === 'nowhere') return null
    if (read.is === 'large') return { name, wants: ['it is too large to be looked at'], weight: `${read.size} bytes` }
    // The CLI would wait for ever, or read without end.
    if (read.is !== 'file') return { name, wants: [`it ${read.says}`], weight: read.says }
    text = read.bytes.toString('utf8')
  } catch (thrown) {
    const says = `it cannot be read (${(thrown as NodeJS.ErrnoException).code})`
    return { name, wants: [says], weight: says }
  }
  try {
    const weight = weigh(JSON.parse(text))
    const wants = Object.keys(weight)
    return wants.length === 0 ? null : { name, wants, weight: JSON.stringify(weight) }
  } catch {
    // The CLI may be more lenient than we are.
    return { name, wants: ['it is no JSON'], weight: text }
  }
}

function settingsWeight(value: unknown, skipsPermissions: boolean): Record<string, unknown> {
  if (!isMapping(value)) return {}
  const { permissions, ...rest } = value
  const weight = without(rest, FREE)
  const permits = isMapping(permissions) ? without(permissions, FREE_PERMISSIONS) : {}
  return skipsPermissions || Object.keys(permits).length === 0 ? weight : { ...weight, permissions: permits }
}

const without = (mapping: Record<string, unknown>, names: string[]) =>
  Object.fromEntries(Object.entries(mapping).filter(([name, value]) => !names.includes(name) && !isEmpty(value)))

const isEmpty = (value: unknown) => typeof value === 'object' && value !== null && Object.keys(value).length === 0
const isMapping = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value)
