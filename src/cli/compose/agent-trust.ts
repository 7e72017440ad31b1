import type { Config } from '../../config/config.ts'
import { untrustedAgentFiles } from '../../config/trust/checkout.ts'

/**
 * Whether what stands in a checkout for the agent CLI is kept from it, and says so: a branch may hold something else than what the user has
 * trusted in the repository, and so may an attempt after an agent.
 */
export function leftOutOfAgent({ values }: Config, checkout: string, warn: (message: string) => void): boolean {
  const { home, repo, permissionMode } = values
  const names = untrustedAgentFiles({ home, repo, checkout, skipsPermissions: ['skip', 'bypassPermissions'].includes(permissionMode) })
  if (names.length === 0) return false
  warn(`kept from the agent CLI, because it is not what was trusted in the repository: ${names.join(', ')} in ${checkout}`)
  return true
}
