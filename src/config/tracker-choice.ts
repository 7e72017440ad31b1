import type { Config } from './config.ts'
import { sayWhere } from './source.ts'

/** Which tracker a configuration means, and why, in words that end a sentence. `auto` goes by whether a PM server is configured. */
export function trackerChoice({ values, sources }: Config): { tracker: 'headless-pm' | 'embedded'; because: string } {
  if (values.tracker !== 'auto') return { tracker: values.tracker, because: `chosen by ${sayWhere(sources.tracker)}` }
  const sign = [sources.apiUrl, sources.apiKey].find(source => source.kind !== 'default')
  if (sign) return { tracker: 'headless-pm', because: `configured by ${sayWhere(sign)}` }
  return { tracker: 'embedded', because: 'no Headless PM server is configured' }
}
