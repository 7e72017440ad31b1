import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { readLockFile } from '../system/lock-file.ts'

/**
 * The id of another agent of this machine whose unfinished task works in place in the repository; null when there is none.
 * Two agents in one working tree would mix their work. Read from the lock files, which outlive their runners as the work does.
 */
export function inPlaceHolder(home: string, repo: string, self: string): string | null {
  for (const name of readdirSync(join(home, 'locks'))) {
    if (!name.startsWith('agent-') || !name.endsWith('.lock')) continue
    try {
      const { agent, workspace } = readLockFile(join(home, 'locks', name))
      if (agent.id !== self && workspace?.kind === 'in-place' && workspace.repo === repo) return agent.id
    } catch {
      // A file that cannot be read tells of no workspace; its own agent deals with it.
    }
  }
  return null
}
