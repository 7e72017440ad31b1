import { LIMITS } from './limits.ts'

/** What was left out of an event: how large it was, and how many more entries each cut list had. */
export interface EventCut {
  bytes: number
  more?: Record<string, number>
}

/** How long texts, lists and groups may be in an event that is too large, tried one after the other until it fits. */
const TRIES = [16_000, 4_000, 1_000, 250, 60]
const ENTRIES_PER_CHARACTER = 1 / 20

/**
 * An event as JSON within the limit `event`. A larger one has its long texts, lists and groups cut, and says so in `cut`. Its type,
 * number and time stay.
 */
export function eventJson(event: object): string {
  const text = JSON.stringify(event)
  const bytes = bytesOf(text)
  if (bytes <= LIMITS.event.most) return text
  for (const longest of TRIES) {
    const more: Record<string, number> = {}
    const cut = within(event, longest, '', more) as object
    const told: EventCut = { bytes, ...(Object.keys(more).length > 0 && Object.keys(more).length <= MOST_TOLD && { more }) }
    const shorter = JSON.stringify({ ...cut, cut: told })
    if (bytesOf(shorter) <= LIMITS.event.most) return shorter
  }
  const { at, seq, runId, agentId, type, message } = event as Record<string, unknown>
  const flat = within({ at, seq, runId, agentId, type, message: String(message ?? '') }, 60, '', {}) as object
  return JSON.stringify({ ...flat, cut: { bytes } satisfies EventCut })
}

/** The same as an object; an event that is small enough is returned as it is. */
export function smallEvent<E extends object>(event: E): E & { cut?: EventCut } {
  const text = JSON.stringify(event)
  return bytesOf(text) <= LIMITS.event.most ? event : JSON.parse(eventJson(event))
}

/** Not more than this many lists are counted one by one. */
const MOST_TOLD = 20

const bytesOf = (text: string) => (text.length * 3 <= LIMITS.event.most ? text.length : Buffer.byteLength(text))

function within(value: unknown, longest: number, path: string, more: Record<string, number>): unknown {
  if (typeof value === 'string') return value.length <= longest ? value : shortened(value, longest)
  if (value === null || typeof value !== 'object') return value
  const most = Math.ceil(longest * ENTRIES_PER_CHARACTER)
  const at = (name: string) => (path === '' ? name : `${path}.${name}`)
  if (Array.isArray(value)) {
    if (value.length > most) more[path] = value.length - most
    return value.slice(0, most).map(item => within(item, longest, path, more))
  }
  const entries = Object.entries(value)
  if (entries.length > most) more[path] = entries.length - most
  return Object.fromEntries(
    entries.slice(0, most).map(([name, item]) => [name.slice(0, 200).toWellFormed(), within(item, longest, at(name.slice(0, 60)), more)]),
  )
}

const shortened = (text: string, longest: number) =>
  `${text.slice(0, longest).toWellFormed()}… (${(text.length - longest).toLocaleString('en')} characters more)`
