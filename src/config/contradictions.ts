import type { Config } from './config.ts'
import { type Key, setting } from './schema.ts'
import { type Problem, sayProblem } from './source.ts'

/** Settings that contradict each other. Only values from the same place can: a flag is there to override what a file says. */
export function contradictions({ values, sources }: Pick<Config, 'values' | 'sources'>): Problem[] {
  const problems: Problem[] = []
  const forPm = ['apiUrl'] as const satisfies Key[]
  const forControlPlane = ['server', 'serverKey', 'serverKeyFile', 'project'] as const satisfies Key[]
  const refuse = (keys: readonly Key[], what: string, but: string) => {
    for (const key of keys) {
      if (sources[key].kind !== 'flag') continue
      const shown = setting(key).secret ? '***' : String(values[key])
      problems.push(sayProblem(sources[key], shown, `is for ${what}, but ${but}`))
    }
  }
  const chosen = `the tracker is ${values.tracker}${said(sources.tracker)}`
  if (values.tracker === 'embedded') {
    refuse([...forPm, 'apiTimeout'], 'a Headless PM server', chosen)
    refuse(forControlPlane, 'a control plane elsewhere', chosen)
  }
  if (values.tracker === 'control-plane') refuse(forPm, 'a Headless PM server', chosen)
  if (values.tracker === 'headless-pm') refuse(forControlPlane, 'a control plane', chosen)
  if (values.tracker === 'auto' && sources.server.kind === 'flag')
    refuse(forPm, 'a Headless PM server', 'the tracker is control-plane (by --server)')
  if (values.tracker === 'auto' && values.server === null)
    refuse(['serverKey', 'serverKeyFile', 'project'], 'a control plane', 'no server is configured: --server, or HEADLESS_PM_SERVER')
  if (values.tracker === 'control-plane' && values.server === null)
    problems.push(sayProblem(sources.tracker, values.tracker, 'needs the address of a server: --server, or HEADLESS_PM_SERVER'))
  if (sources.serverKey.kind === 'flag' && sources.serverKeyFile.kind === 'flag')
    problems.push(sayProblem(sources.serverKeyFile, String(values.serverKeyFile), 'and --key cannot both be meant'))
  return problems
}

const said = (source: Config['sources'][Key]) => (source.kind === 'flag' ? '' : ` (by ${source.name})`)
