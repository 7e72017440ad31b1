import type { StepName } from '../run.ts'

/** What a step is called while it is going on. */
export const STEP_DOING: Record<StepName, string> = {
  claim: 'taking the task',
  preHook: 'pre_task hook',
  workspace: 'preparing the workspace',
  agent: 'agent at work',
  collect: 'collecting the work',
  report: 'reporting',
  postHook: 'post_task hook',
  cleanup: 'cleaning up',
  release: 'letting go of the task',
}

/** What a step is called when it is over; null where an event of its own says more. */
export const STEP_DONE: Record<StepName, string | null> = {
  claim: null,
  preHook: null,
  workspace: null,
  agent: null,
  collect: 'collected',
  report: 'reported',
  postHook: null,
  cleanup: 'cleaned up',
  release: null,
}

/** Milliseconds as people say them: `0.4 s`, `12 s`, `3 min 5 s`, `2 h 5 min`, `3 d 4 h`. */
export function duration(ms: number): string {
  if (!Number.isFinite(ms) || ms < 0) return '0 s'
  if (ms < 9_950) return `${(ms / 1000).toFixed(1)} s`
  const seconds = Math.round(ms / 1000)
  if (seconds < 60) return `${seconds} s`
  if (seconds < 3600) return joined(Math.floor(seconds / 60), 'min', seconds % 60, 's')
  const minutes = Math.floor(seconds / 60)
  if (minutes < 1440) return joined(Math.floor(minutes / 60), 'h', minutes % 60, 'min')
  const hours = Math.floor(minutes / 60)
  return joined(Math.floor(hours / 24), 'd', hours % 24, 'h')
}

function joined(big: number, bigUnit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${big} ${bigUnit}` : `${big} ${bigUnit} ${small} ${smallUnit}`
}

/** Milliseconds as a running watch: `0:42`, `12:05`, `1:02:05`. */
export function watch(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000))
  const two = (n: number) => String(n).padStart(2, '0')
  const hours = Math.floor(seconds / 3600)
  const minutes = Math.floor(seconds / 60) % 60
  return hours > 0 ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`
}

/** US dollars: two digits after the point, more for what is less than ten cents. */
export function money(usd: number, isLeast = false): string {
  return `${isLeast ? 'at least ' : ''}$${usd.toFixed(usd > 0 && usd < 0.1 ? 4 : 2)}`
}

/** `1 commit`, `2 commits`. */
export function count(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? '' : 's'}`
}

/** A moment as local time with its distance from UTC, `2026-07-06T14:03:22+02:00`; what is no time comes back as it is. */
export function localStamp(at: string | number): string {
  const date = new Date(at)
  if (Number.isNaN(date.getTime())) return String(at)
  const away = -date.getTimezoneOffset()
  const local = new Date(date.getTime() + away * 60_000).toISOString().slice(0, 19)
  const two = (n: number) => String(Math.floor(n)).padStart(2, '0')
  return `${local}${away < 0 ? '-' : '+'}${two(Math.abs(away) / 60)}:${two(Math.abs(away) % 60)}`
}

/** A moment for people who look at it today: `14:03`, or `6 Jul 14:03` on another day. */
export function moment(at: string | number, now: number = Date.now()): string {
  const date = new Date(at)
  if (Number.isNaN(date.getTime())) return String(at)
  const time = `${String(date.getHours()).padStart(2, '0')}:${String(date.getMinutes()).padStart(2, '0')}`
  if (date.toDateString() === new Date(now).toDateString()) return time
  return `${date.getDate()} ${MONTHS[date.getMonth()]} ${time}`
}
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

/** Text of at most `length` characters; what is longer ends in `…`. */
export function cut(text: string, length: number): string {
  if (text.length <= length) return text
  // A cut through a surrogate pair would leave half a character.
  return `${text.slice(0, length - 1).replace(/[\ud800-\udbff]$/, '')}…`
}
