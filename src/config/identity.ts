import { RunnerError } from '../core/errors.ts'
import type { AgentIdentity } from '../core/task.ts'
import type { Config } from './config.ts'
import { flagName, setting } from './schema.ts'

/** The identity as which the runner works. Throws USAGE, in one line, when the configuration does not give it. */
export function agentIdentity({ values }: Pick<Config, 'values'>): AgentIdentity {
  const { agentId, role, level } = values
  const missing = (['role', 'agentId'] as const).filter(key => values[key] === null)
  if (agentId === null || role === null) {
    const ways = missing.map(key => `${flagName(key)} (or ${setting(key).env[0]}, or ${key} in a file)`)
    throw new RunnerError('USAGE', `missing ${ways.join(' and ')}`)
  }
  return { id: agentId, role, level }
}
