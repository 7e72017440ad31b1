import type { Key } from '../../config/schema.ts'

/** The settings that `init` asks for, in the order of asking. */
export const INIT_KEYS = ['tracker', 'apiUrl', 'server', 'project', 'role', 'agentId', 'level'] as const satisfies Key[]
export type InitKey = (typeof INIT_KEYS)[number]

/** The questions in words. The terminal adds what follows in brackets. */
export const QUESTIONS: Record<InitKey, string> = {
  tracker: 'Where do tasks come from?',
  apiUrl: 'What is the address of the Headless PM server?',
  server: 'What is the address of the control plane?',
  project: "Which of its projects? (empty: the one with this repository's path)",
  role: 'Which role does the agent play?',
  agentId: 'Under which name does it work?',
  level: 'What is the highest seniority of the tasks that it takes?',
}

/** A server that tasks can come from: the settings with its address and key, and those that only it has. */
interface ServerSettings {
  key: 'apiKey' | 'serverKey'
  asks: readonly InitKey[]
}

const SERVERS: Record<string, ServerSettings> = {
  'headless-pm': { key: 'apiKey', asks: ['apiUrl'] },
  'control-plane': { key: 'serverKey', asks: ['server', 'project'] },
}

/** The server of a tracker; null for the embedded one, and as long as the tracker is not known. */
export const serverOf = (tracker: unknown): ServerSettings | null => SERVERS[String(tracker)] ?? null

/** Whether a setting means something with this tracker. */
export function belongs(key: InitKey, tracker: unknown): boolean {
  const owner = Object.keys(SERVERS).find(name => SERVERS[name]!.asks.includes(key))
  return owner === undefined || owner === tracker
}

/** Whether a question may be left open. */
export const isOptional = (key: InitKey) => key === 'project'
