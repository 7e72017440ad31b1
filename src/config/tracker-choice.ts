import type { Config } from './config.ts'
import { sayWhere } from './source.ts'

export type TrackerName = 'headless-pm' | 'control-plane' | 'embedded'

/** Which tracker a configuration means, and why, in words that end a sentence. `auto` depends on the configured server. */
export function trackerChoice({ values, sources }: Config): { tracker: TrackerName; because: string } {
  if (values.tracker !== 'auto') return { tracker: values.tracker, because: `chosen by ${sayWhere(sources.tracker)}` }
  if (values.server !== null) return { tracker: 'control-plane', because: `configured by ${sayWhere(sources.server)}` }
  const sign = [sources.apiUrl, sources.apiKey].find(source => source.kind !== 'default')
  if (sign) return { tracker: 'headless-pm', because: `configured by ${sayWhere(sign)}` }
  return { tracker: 'embedded', because: 'no server is configured' }
}

/** The configured tracker's address; null for the board in the state folder. */
export function trackerUrl(config: Config): string | null {
  const { tracker } = trackerChoice(config)
  if (tracker === 'embedded') return null
  return tracker === 'control-plane' ? config.values.server : config.values.apiUrl
}

const CALLED: Record<TrackerName, string> = {
  'headless-pm': 'Headless PM',
  'control-plane': 'the control plane',
  embedded: 'the embedded board',
}

/** The configured tracker in words: `Headless PM at http://…`. */
export function trackerPlace(config: Config): string {
  const url = trackerUrl(config)
  return CALLED[trackerChoice(config).tracker] + (url === null ? '' : ` at ${url}`)
}
