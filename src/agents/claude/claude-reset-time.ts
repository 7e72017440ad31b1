const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']
const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat']
const MINUTE_MS = 60_000
const DAY_MS = 86_400_000

/** The words before the time in a text: `resets …`, `will reset at …`, `regain access on …`, `try again in …`. */
const BEGINS = /\b(?:resets?|regain access|try again|available again|resumes?)\b:?(?: (?:at|on|in|after|again))*/i
const CLOCK = /(\d{1,2})(?::(\d{2}))?(?::\d{2})? ?([ap])\.?m\b\.?|(\d{1,2}):(\d{2})(?::\d{2})?/i
const ISO_DATE = /(\d{4})-(\d{2})-(\d{2})/
const MONTH_AND_DAY = /\b(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.? (\d{1,2})(?:st|nd|rd|th)?(?:,? (\d{4}))?/i
const DAY_AND_MONTH = /\b(\d{1,2})(?:st|nd|rd|th)? (jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?(?:,? (\d{4}))?/i
const WEEKDAY = /\b(sun|mon|tue|wed|thu|fri|sat)(?:[a-z]*day)?\b/i
const SPAN =
  /^ ?(?:(\d+) ?d(?:ays?)?)?,? ?(?:(\d+) ?h(?:ours?|rs?)?)?,? ?(?:(\d+) ?m(?:in(?:utes?)?)?)?,? ?(?:(\d+) ?s(?:ec(?:onds?)?)?)?(?=[^\w]|$)/i
const ZONE = /\(([^)]+)\)|\b(?:UTC|GMT)\b|\dZ\b/

/**
 * When a usage limit ends, from the CLI's text, in any of the wordings that were seen: `… resets 8pm (Europe/Berlin)`, `… resets Nov 24,
 * 8pm (UTC)`, `… will reset at 3pm`, `… regain access on 2026-12-01 at 00:00 UTC`, `… resets in 2h 5m`, `…|1795227165`. Without a time
 * zone it is local time. Epoch milliseconds, the first such time after `now`; null when the text names no time, or an unknown time zone.
 */
export function resetTimeIn(text: string, now: number): number | null {
  const stamp = /\|(\d{10})(\d{3})?\b/.exec(text)
  if (stamp) return Number(stamp[1]) * 1000
  const begins = BEGINS.exec(text)
  if (!begins || Number.isNaN(now)) return null
  // The time stands close behind; other times may come later.
  const said = text.slice(begins.index + begins[0].length, begins.index + begins[0].length + 60)
  return afterSpan(said, now) ?? atTime(said, now)
}

function afterSpan(said: string, now: number): number | null {
  const found = SPAN.exec(said)
  if (!found || found.slice(1).every(part => part === undefined)) return null
  const [days = 0, hours = 0, minutes = 0, seconds = 0] = found.slice(1).map(part => Number(part ?? 0))
  return now + days * DAY_MS + (hours * 60 + minutes) * MINUTE_MS + seconds * 1000
}

function atTime(said: string, now: number): number | null {
  const time = clockIn(said)
  const date = dateIn(said)
  if (!time && !date) return null
  const { hour, minute } = time ?? { hour: 0, minute: 0 }
  const place = ZONE.exec(said)
  const zone = place ? (place[1] ?? 'UTC') : Intl.DateTimeFormat().resolvedOptions().timeZone
  try {
    const today = localParts(now, zone)
    const at = (y: number, m: number, d: number) => instant(Date.UTC(y, m, d, hour, minute), zone)
    if (date && 'weekday' in date) {
      const ahead = (date.weekday - new Date(Date.UTC(today.year, today.month, today.day)).getUTCDay() + 7) % 7
      const named = at(today.year, today.month, today.day + ahead)
      return named > now ? named : at(today.year, today.month, today.day + ahead + 7)
    }
    if (date) {
      const named = at(date.year ?? today.year, date.month, date.day)
      // A December text about January.
      return date.year || named > now - 30 * DAY_MS ? named : at(today.year + 1, date.month, date.day)
    }
    const soon = at(today.year, today.month, today.day)
    return soon > now ? soon : at(today.year, today.month, today.day + 1)
  } catch {
    return null
  }
}

function clockIn(said: string): { hour: number; minute: number } | null {
  const found = CLOCK.exec(said)
  if (!found) return null
  const [, twelve, minutes, half, hours, minutesToo] = found
  const hour = half ? (Number(twelve) % 12) + (half.toLowerCase() === 'p' ? 12 : 0) : Number(hours)
  const minute = Number(minutes ?? minutesToo ?? 0)
  return Number(twelve ?? 0) > 12 || hour > 23 || minute > 59 ? null : { hour, minute }
}

function dateIn(said: string): { year: number | null; month: number; day: number } | { weekday: number } | null {
  const iso = ISO_DATE.exec(said)
  if (iso) return { year: Number(iso[1]), month: Number(iso[2]) - 1, day: Number(iso[3]) }
  const american = MONTH_AND_DAY.exec(said)
  const other = american ? null : DAY_AND_MONTH.exec(said)
  const [month, day, year] = american ? american.slice(1) : other ? [other[2], other[1], other[3]] : []
  if (month) return { year: year ? Number(year) : null, month: MONTHS.indexOf(month.toLowerCase()), day: Number(day) }
  const weekday = WEEKDAY.exec(said)
  return weekday ? { weekday: DAYS.indexOf(weekday[1]!.toLowerCase()) } : null
}

/** The instant at which clocks in the zone show this wall time, given as if it were UTC. */
function instant(wall: number, zone: string): number {
  const guess = wall - offset(wall, zone)
  // Once more with the offset that holds there: it differs around the change to summer time.
  return wall - offset(guess, zone)
}

function offset(at: number, zone: string): number {
  const { year, month, day, hour, minute } = localParts(at, zone)
  return Date.UTC(year, month, day, hour, minute) - Math.floor(at / MINUTE_MS) * MINUTE_MS
}

/** Calendar and clock of a zone; `month` from 0. Throws RangeError for a zone that is not known. */
function localParts(at: number, zone: string) {
  const parts = new Intl.DateTimeFormat('en-GB', {
    timeZone: zone,
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    hourCycle: 'h23',
  }).formatToParts(at)
  const part = (type: string) => Number(parts.find(each => each.type === type)!.value)
  return { year: part('year'), month: part('month') - 1, day: part('day'), hour: part('hour'), minute: part('minute') }
}
