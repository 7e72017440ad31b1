const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']
const DAY_MS = 86_400_000

/**
 * When a usage limit ends, from the CLI's text: `… resets 8pm (Europe/Berlin)`, `… resets 2:12am (UTC)`,
 * `… resets Nov 24, 8pm (UTC)`, `…|1795227165`. Epoch milliseconds, the first such time after `now`; null when the text
 * names none or a place that is not known.
 */
export function resetTimeIn(text: string, now: number): number | null {
  const stamp = /\|(\d{10})\b/.exec(text)
  if (stamp) return Number(stamp[1]) * 1000
  const found =
    /resets (?:([A-Za-z]{3})[a-z]* (\d{1,2})(?:, (\d{4}))?(?:,| at)? )?(?:at )?(\d{1,2})(?::(\d{2}))? ?(am|pm)?(?: \(([^)]+)\))?/i.exec(
      text,
    )
  if (!found || Number.isNaN(now)) return null
  const [, monthName, day, year, hourText, minute, half, zone = 'UTC'] = found
  const hour = half ? (Number(hourText) % 12) + (half.toLowerCase() === 'pm' ? 12 : 0) : Number(hourText)
  const month = monthName ? MONTHS.indexOf(monthName.toLowerCase()) : null
  if (month === -1 || Number(hourText) > (half ? 12 : 23)) return null
  try {
    const today = localParts(now, zone)
    const at = (y: number, m: number, d: number) => instant(Date.UTC(y, m, d, hour, Number(minute ?? 0)), zone)
    if (month !== null) {
      const named = at(Number(year ?? today.year), month, Number(day))
      // A December text about January.
      return year || named > now - 30 * DAY_MS ? named : at(today.year + 1, month, Number(day))
    }
    const soon = at(today.year, today.month, today.day)
    return soon > now ? soon : at(today.year, today.month, today.day + 1)
  } catch {
    return null
  }
}

/** The instant at which clocks in the zone show this wall time, given as if it were UTC. */
function instant(wall: number, zone: string): number {
  const guess = wall - offset(wall, zone)
  // Once more with the offset that holds there: it differs around the change to summer time.
  return wall - offset(guess, zone)
}

function offset(at: number, zone: string): number {
  const { year, month, day, hour, minute } = localParts(at, zone)
  return Date.UTC(year, month, day, hour, minute) - Math.floor(at / 60_000) * 60_000
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
