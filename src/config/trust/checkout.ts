import { agentFiles } from './agent-files.ts'
import { hash } from './fingerprint.ts'
import { listTrust } from './store.ts'

/** The files for the agent CLI in a checkout that are not, as they are, trusted in the repository that it belongs to. */
export function untrustedAgentFiles(of: { home: string; repo: string; checkout: string; skipsPermissions: boolean }): string[] {
  const demands = agentFiles(of.checkout, of.skipsPermissions)
  if (demands.length === 0) return []
  // A lane works for several repositories, whose worktrees lie below them.
  const isOfIt = (path: string) => path === of.repo || of.checkout === path || of.checkout.startsWith(`${path}/`)
  const records = listTrust(of.home).filter(({ path }) => isOfIt(path))
  return demands.filter(({ name, weight }) => !records.some(({ files }) => files[name] === hash(weight))).map(({ name }) => name)
}
