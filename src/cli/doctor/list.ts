import { agentChecks } from './agent.ts'
import type { Check } from './check.ts'
import { agentId, configuration, key, role, trust } from './configuration.ts'
import { git, repository } from './git.ts'
import { hooks } from './hooks.ts'
import { environment, processes } from './processes.ts'
import { disk, stateFolder } from './state.ts'
import { clock, tracker } from './tracker.ts'

/** All checks, in the order in which they are printed. */
export function allChecks(): Check[] {
  return [
    configuration,
    trust,
    agentId,
    role,
    key,
    tracker,
    ...agentChecks(),
    git,
    repository,
    hooks,
    processes,
    environment,
    stateFolder,
    disk,
    clock,
  ]
}
