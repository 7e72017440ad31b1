import type { Config } from '../../config/config.ts'
import { isOfRepository } from '../../config/load.ts'
import { refusalNow } from '../../config/trust/again.ts'
import { untrustedAgentFiles } from '../../config/trust/checkout.ts'
import { RunnerError } from '../../core/errors.ts'

/**
 * Whether the agent CLI must start without the files that a checkout holds for it; warns if so. A branch may hold something else than
 * what the user has trusted in the repository, and so may a workspace after an agent.
 */
export function leftOutOfAgent({ values }: Config, checkout: string, warn: (message: string) => void): boolean {
  const { home, repo, permissionMode } = values
  const names = untrustedAgentFiles({ home, repo, checkout, skipsPermissions: ['skip', 'bypassPermissions'].includes(permissionMode) })
  if (names.length === 0) return false
  warn(`kept from the agent CLI, because it is not what was trusted in the repository: ${names.join(', ')} in ${checkout}`)
  return true
}

/**
 * Throws UNTRUSTED when the repository names the agent's command and a file of it is not as it was trusted: an agent may have changed it.
 */
export function refuseChangedCommand({ values, sources, trust }: Config): void {
  const paths = trust.commands.filter(({ key }) => isOfRepository(sources[key])).map(({ path }) => path)
  if (paths.length === 0) return
  const why = refusalNow(values.home, values.repo, paths)
  if (why !== null) throw new RunnerError('UNTRUSTED', `the agent is not started: ${why}`)
}
