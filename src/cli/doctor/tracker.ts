import type { Config } from '../../config/config.ts'
import { trackerChoice, trackerUrl } from '../../config/tracker-choice.ts'
import { type Check, ok, warn } from './check.ts'

/** Whether tasks can be fetched: one real call with the key. */
export const tracker: Check = {
  name: 'tracker',
  async examine({ config, tools, signal }) {
    const { because } = trackerChoice(config)
    const url = trackerUrl(config)
    await tools.pingTracker(signal)
    return ok(url === null ? `the embedded board: ${because}` : `${url} answers and accepts the key`)
  },
}

/** Leases and logs need a clock that is roughly right; the server's is the one to compare with. */
export const clock: Check = {
  name: 'clock',
  async examine({ config, signal }) {
    const now = new Date()
    const advice = 'Set the clock of this machine, or let it be set (NTP).'
    if (now.getUTCFullYear() < 2025 || now.getUTCFullYear() > 2100) return warn(`the year is ${now.getUTCFullYear()}`, advice)
    const url = trackerUrl(config)
    if (url === null) return ok(now.toISOString())
    const theirs = await serverTime(url, signal)
    if (theirs === null) return ok(`${now.toISOString()}; not compared: ${server(config)} told no time`)
    const apart = Math.round((theirs - Date.now()) / 1000)
    // The header counts whole seconds, and the answer was on its way for a while.
    if (Math.abs(apart) <= 5) return ok(`${now.toISOString()}, as at ${server(config)}`)
    const says = `${server(config)}'s clock is ${Math.abs(apart)} s ${apart > 0 ? 'ahead of' : 'behind'} this one`
    return Math.abs(apart) > 60 ? warn(says, advice) : ok(says)
  },
}

const server = (config: Config) => (trackerChoice(config).tracker === 'control-plane' ? 'the control plane' : 'the PM server')

async function serverTime(url: string, signal: AbortSignal): Promise<number | null> {
  try {
    const answer = await fetch(new URL('/health', url), { method: 'GET', signal, redirect: 'manual' })
    await answer.body?.cancel()
    const time = Date.parse(answer.headers.get('date') ?? '')
    return Number.isNaN(time) ? null : time
  } catch {
    // The check of the tracker reports that it cannot be reached.
    return null
  }
}
