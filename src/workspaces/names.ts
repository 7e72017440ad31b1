import { createHash } from 'node:crypto'
import type { Git } from '../git/git.ts'

/*
 * The only place that makes names from texts of others: task ids and branches are data, and become parts of paths, refs and file names
 * only by these functions.
 */

/** Some file systems take no longer names; git adds `.lock` to the last part. */
const LONGEST_PART = 200
const LONGEST_BRANCH = 240
/** The longest id: the search for the dashes at its end takes quadratic time. */
const LONGEST_LOOKED_AT = 1_000

/**
 * A task's id as part of paths and branch names. An id that needed changes gets a piece of its hash, so that no two tasks
 * share a name.
 */
function safeTaskId(id: string): string {
  const safe = id
    .slice(0, LONGEST_LOOKED_AT)
    .replace(/[^A-Za-z0-9_-]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 60)
  return safe === id && safe !== '' ? safe : `${safe || 'task'}-${shortHash(id)}`
}

/** The end of a run's id: its random part, so that runs of one moment differ. */
function shortRun(runId: string): string {
  return runId
    .replace(/[^A-Za-z0-9]/g, '')
    .toLowerCase()
    .slice(-6)
}

/** A folder's name for what belongs to one repository: told apart by its path, known by its last part. */
export function folderOf(path: string, repositoryPath = path): string {
  const last = repositoryPath.split('/').at(-1) ?? ''
  return `${last.replace(/[^A-Za-z0-9_-]+/g, '-').slice(0, 40) || 'repository'}-${shortHash(path, 10)}`
}

/** The branch names for a task's work, the best first: the later ones are for the case that git or somebody else stands in the way. */
export function branchesFor(taskId: string, runId: string): [string, ...string[]] {
  const id = safeTaskId(taskId)
  const short = shortRun(runId)
  return [`feature/task-${id}`, `feature/task-${id}-${short}`, `task-${id}-${short}`]
}

/** Whether a branch is one of those that `branchesFor` names for the task, in whatever run. */
export function isBranchFor(taskId: string, branch: string): boolean {
  const [first] = branchesFor(taskId, '')
  return branch === first || (branch.startsWith(`${first}-`) && /^[a-z0-9]{6}$/.test(branch.slice(first.length + 1)))
}

/** The folders that a task's workspace may have below a base, the best first. */
export function foldersFor(taskId: string, runId: string): [string, ...string[]] {
  const id = safeTaskId(taskId)
  const short = shortRun(runId)
  return [`task-${id}`, `task-${id}-${short}`, ...[2, 3, 4, 5, 6, 7, 8, 9].map(n => `task-${id}-${short}-${n}`)]
}

/**
 * Why a text cannot be the name of a branch, or null. Stricter than git, which knows options, `@{-1}` and HEAD by the same words, and takes
 * names that a file system or a person does not.
 */
export async function branchFault(git: Git, name: string): Promise<string | null> {
  const fault = plainFault(name)
  if (fault) return fault
  if (isPlainBranch(name)) return null
  const accepted = await git.ask(['check-ref-format', '--branch', name])
  return accepted?.trim() === name ? null : 'git takes no branch of that name'
}

function plainFault(name: string): string | null {
  if (name.trim() === '') return 'it is empty'
  if (!name.isWellFormed() || name.includes('�')) return 'it is no valid text'
  if (/[\s\p{Cc}\p{Cf}\p{Z}]/u.test(name)) return 'there are blanks, line breaks or invisible characters in it'
  if (name.startsWith('-')) return 'it looks like an option'
  if (name === '@' || name.includes('@{') || /^[A-Z_]*HEAD$/i.test(name)) return 'git means something else by it'
  if (/^refs(\/|$)/.test(name)) return 'it is the full name of a ref and not of a branch'
  if (/^([0-9a-f]{40}|[0-9a-f]{64})$/i.test(name)) return 'it looks like a commit'
  const bytes = (text: string) => Buffer.byteLength(text)
  if (bytes(name) > LONGEST_BRANCH || name.split('/').some(part => bytes(part) > LONGEST_PART)) return 'it is too long'
  return null
}

/** Whether git's rules leave no doubt that a branch can have the name, so that git need not be asked. */
export function isPlainBranch(name: string): boolean {
  return /^[A-Za-z0-9_][\w-]*(?:[./][A-Za-z0-9_][\w-]*)*$/.test(name) && !/\.lock(\/|$)/i.test(name)
}

/** A name of others in a sentence: short, and with nothing in it that a terminal obeys. */
export function quoted(name: string): string {
  return JSON.stringify(name.length > 60 ? `${name.slice(0, 60)}…` : name).replace(/[\p{Cc}\p{Cf}\p{Cs}]/gu, '?')
}

function shortHash(text: string, length = 6): string {
  return createHash('sha256').update(text).digest('hex').slice(0, length)
}
