import type { Config } from './config.ts'
import type { Key } from './schema.ts'
import { type Problem, sayProblem } from './source.ts'

/**
 * Settings that cannot both be meant. Only what is given at the same place contradicts: a flag that overrides what a file says is
 * the very purpose of flags.
 */
export function contradictions({ values, sources }: Pick<Config, 'values' | 'sources'>): Problem[] {
  const problems: Problem[] = []
  if (values.tracker === 'embedded') {
    for (const key of ['apiUrl', 'apiTimeout'] as const satisfies Key[]) {
      if (sources[key].kind === 'flag')
        problems.push(
          sayProblem(sources[key], String(values[key]), `is for a Headless PM server, but the tracker is embedded${said(sources.tracker)}`),
        )
    }
  }
  return problems
}

const said = (source: Config['sources'][Key]) => (source.kind === 'flag' ? '' : ` (by ${source.name})`)
