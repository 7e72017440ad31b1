import { trackerChoice } from '../../config/tracker-choice.ts'
import { type Check, ok, warn } from './check.ts'

/** Whether tasks can be had: one real call, which the key must open. */
export const tracker: Check = {
  name: 'tracker',
  async examine({ config, tools, signal }) {
    const { tracker: name, because } = trackerChoice(config)
    await tools.pingTracker(signal)
    return ok(name === 'embedded' ? `the embedded board: ${because}` : `${config.values.apiUrl} answers and accepts the key`)
  },
}

/** Leases and logs need a clock that is roughly right; the PM server's is the one to compare with. */
export const clock: Check = {
  name: 'clock',
  async examine({ config, signal }) {
    const now = new Date()
    const advice = 'Set the clock of this machine, or let it be set (NTP).'
    if (now.getUTCFullYear() < 2025 || now.getUTCFullYear() > 2100) return warn(`the year is ${now.getUTCFullYear()}`, advice)
    if (trackerChoice(config).tracker === 'embedded') return ok(now.toISOString())
    const theirs = await serverTime(config.values.apiUrl, signal)
    if (theirs === null) return ok(`${now.toISOString()}; not compared: the PM server told no time`)
    const apart = Math.round((theirs - Date.now()) / 1000)
    // The header counts whole seconds, and the answer was on its way for a while.
    if (Math.abs(apart) <= 5) return ok(`${now.toISOString()}, as at the PM server`)
    const says = `the PM server's clock is ${Math.abs(apart)} s ${apart > 0 ? 'ahead of' : 'behind'} this one`
    return Math.abs(apart) > 60 ? warn(says, advice) : ok(says)
  },
}

async function serverTime(url: string, signal: AbortSignal): Promise<number | null> {
  try {
    const answer = await fetch(new URL('/health', url), { method: 'GET', signal, redirect: 'manual' })
    await answer.body?.cancel()
    const time = Date.parse(answer.headers.get('date') ?? '')
    return Number.isNaN(time) ? null : time
  } catch {
    // That it cannot be reached is told by the check of the tracker.
    return null
  }
}
