import { createHash } from 'node:crypto'
import { RunnerError } from '../core/errors.ts'
import type { Git } from './git.ts'

/**
 * A task's id as part of paths and branch names. An id that needed changes gets a piece of its hash, so that no two tasks
 * share a name.
 */
export function safeTaskId(id: string): string {
  const safe = id
    .replace(/[^A-Za-z0-9_-]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 60)
  return safe === id ? safe : `${safe || 'task'}-${createHash('sha256').update(id).digest('hex').slice(0, 6)}`
}

/** The end of a run's id: its random part, so that runs of one moment differ. */
export function shortRun(runId: string): string {
  return runId
    .replace(/[^A-Za-z0-9]/g, '')
    .toLowerCase()
    .slice(-6)
}

/** The branch that a task names, checked by git's own rules; task text is data and never becomes an option. */
export async function namedBranch(git: Git, name: string): Promise<string> {
  const bad = new RunnerError(
    'GIT_FAILED',
    `the task names the branch ${JSON.stringify(name.slice(0, 100))}, which is no valid branch name`,
  )
  if (!(await isBranchName(git, name))) throw bad
  return name
}

/** Whether git takes a text as the name of a branch, and as nothing else (an option, the branch before). */
export async function isBranchName(git: Git, name: string): Promise<boolean> {
  if (name.startsWith('-') || name.includes('@{') || name.length > 240 || /\p{Cc}/u.test(name)) return false
  const accepted = await git.ask(['check-ref-format', '--branch', name])
  return accepted !== null && accepted.trim() === name
}
