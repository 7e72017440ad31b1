import { relative } from 'node:path'
import { differences, hashesOf } from './fingerprint.ts'
import { readTrust } from './store.ts'

/**
 * Why files and folders of a repository must not be run at this moment; null when they may. It looks each time before they are run: the
 * user may have trusted them meanwhile, and an agent at work may have changed them. Missing files count too.
 */
export function refusalNow(home: string, repo: string, paths: string[]): string | null {
  const how = `agent-runner trust ${repo}`
  const record = readTrust(home, repo)
  if (!record) return `the repository is not trusted: ${how}`
  const name = (path: string) => (path.startsWith(`${repo}/`) ? relative(repo, path) : path)
  const counts = (file: string) => paths.some(path => file === name(path) || file.startsWith(`${name(path)}/`))
  const before = Object.entries(record.files).filter(([file]) => counts(file))
  const now = paths.flatMap(path => [...hashesOf(path, repo)].map(([file, digest]) => [name(file), digest] as const))
  const changes = differences(Object.fromEntries(before), Object.fromEntries(now))
  return changes.length === 0 ? null : `since the repository was trusted, ${changes.join('; ')}: ${how}`
}
