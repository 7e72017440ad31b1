import { existsSync, readdirSync, realpathSync } from 'node:fs'
import { join } from 'node:path'
import type { RunRecord } from '../../core/run.ts'
import { readLockFile } from '../../machine/journal/lock-file.ts'
import { guardHolder } from '../../machine/locks/agent-guard.ts'

/**
 * The id of another agent of this machine whose unfinished task works in place in the repository; null when there is none. Two agents in
 * one working tree would mix their work. Read from the lock files, which outlive their runners as the work does. An agent that is just
 * choosing a workspace for a minor task counts too: of two that choose at once, at least one sees the other.
 */
export function inPlaceHolder(home: string, repo: string, self: string): string | null {
  const locks = join(home, 'locks')
  // A look (--dry-run, doctor) may come before the first run has made the folder.
  if (!existsSync(locks)) return null
  for (const name of readdirSync(locks)) {
    if (!name.startsWith('agent-') || !name.endsWith('.lock')) continue
    try {
      const record = readLockFile(join(locks, name))
      const { agent, workspace } = record
      if (agent.id === self) continue
      if (workspace ? workspace.kind === 'in-place' && workspace.repo === repo : isChoosing(record, home, repo)) return agent.id
    } catch {
      // A file that cannot be read tells of no workspace; its own agent deals with it.
    }
  }
  return null
}

/** Whether the agent is choosing a workspace: its step is recorded before it looks around, its workspace afterwards. */
function isChoosing({ agent, steps, task }: RunRecord, home: string, repo: string): boolean {
  const step = steps.at(-1)
  if (task.complexity !== 'minor' || step?.name !== 'workspace' || step.finishedAt) return false
  const holder = guardHolder(home, agent.id)
  return holder !== null && realpathSync.native(task.repo ?? holder.repo) === repo
}
