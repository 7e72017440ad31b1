import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { readLockFile } from '../../system/lock-file.ts'

/**
 * The id of another agent of this machine whose unfinished task works in place in the repository; null when there is none.
 * Two agents in one working tree would mix their work. Read from the lock files, which outlive their runners as the work does.
 */
export function inPlaceHolder(home: string, repo: string, self: string): string | null {
  const locks = join(home, 'locks')
  // Who only looks (--dry-run, doctor) may come before the first run has made the folder.
  if (!existsSync(locks)) return null
  for (const name of readdirSync(locks)) {
    if (!name.startsWith('agent-') || !name.endsWith('.lock')) continue
    try {
      const { agent, workspace } = readLockFile(join(locks, name))
      if (agent.id !== self && workspace?.kind === 'in-place' && workspace.repo === repo) return agent.id
    } catch {
      // A file that cannot be read tells of no workspace; its own agent deals with it.
    }
  }
  return null
}
