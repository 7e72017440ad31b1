import { dirname, relative } from 'node:path'
import { differences, hashFolder } from './fingerprint.ts'
import { readTrust } from './store.ts'

/**
 * Why a hook of a repository must not be run at this moment; null when it may. Looks again at each call: the user may have trusted it
 * meanwhile, and an agent may have changed it.
 */
export function hookRefusal(home: string, repo: string, hook: string): string | null {
  const how = `agent-runner trust ${repo}`
  const record = readTrust(home, repo)
  if (!record) return `the repository is not trusted: ${how}`
  const folder = dirname(hook)
  const name = (path: string) => (path.startsWith(`${repo}/`) ? relative(repo, path) : path)
  const before = Object.entries(record.files).filter(([file]) => file.startsWith(`${name(folder)}/`))
  const now = [...hashFolder(folder)].map(([path, hash]) => [name(path), hash] as const)
  const changes = differences(Object.fromEntries(before), Object.fromEntries(now))
  return changes.length === 0 ? null : `since the repository was trusted, ${changes.join('; ')}: ${how}`
}
