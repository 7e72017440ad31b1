import { somePaths } from '../../core/text/some-paths.ts'
import type { Git } from '../git.ts'
import { type IndexFacts, readIndex, withoutFlags } from './index-flags.ts'

export interface StatusEntry {
  path: string
  /** `gone`: a tracked file is missing and nothing else. */
  kind: 'changed' | 'gone' | 'untracked' | 'unmerged'
  /** The blob of the index that a tracked file is said to differ from, in content alone; left out where more differs. */
  index?: string
  /** The index has only its name, for a file that is to be added (`git add -N`). */
  intended?: true
  /** A flag of the index hides it from git's own status. */
  hidden?: true
}

/** A checkout as it stands: where HEAD is and what differs from it. */
export interface Status extends IndexFacts {
  /** Null in a repository without commits. */
  head: string | null
  /** Null on a detached HEAD. */
  branch: string | null
  /** Changed and untracked paths, also those whose changes flags of the index hide from git; ignored ones not. A path that ends in `/` is a repository of its own. */
  entries: StatusEntry[]
  /** What is ignored, where it was asked for; a path that ends in `/` stands for all below it. */
  ignored: string[]
  /** Folders that git could not look into: their files are in no other list. */
  closed: string[]
}

/** Reads a checkout's state, flags of the index or not, and writes nothing there (not even the refreshed index). */
export async function readStatus(git: Git, { ignored = false } = {}): Promise<Status> {
  const [shown, index] = await Promise.all([gitStatus(git, ignored), readIndex(git)])
  const { flagged } = index
  if (flagged.length === 0) return { ...shown, ...index }
  const status = await withoutFlags(git, flagged, env => gitStatus(git, ignored, env))
  const seen = new Set(shown.entries.map(entry => entry.path))
  const entries = status.entries.map(entry => (seen.has(entry.path) ? entry : { ...entry, hidden: true as const }))
  return { ...status, ...index, entries }
}

async function gitStatus(git: Git, ignored: boolean, env: Record<string, string> = {}): Promise<Omit<Status, keyof IndexFacts>> {
  const args = ['status', '--porcelain=v2', '--branch', '-z', '--untracked-files=all', '--no-renames', '--ignore-submodules=dirty']
  // A folder that a rule covers as a whole is named, and not walked.
  if (ignored) args.push('--ignored=matching')
  const status: Omit<Status, keyof IndexFacts> = { head: null, branch: null, entries: [], ignored: [], closed: [] }
  const warned = (text: string) => {
    status.closed = status.closed.concat(closedIn(text))
  }
  for (const line of await git.names(args, { slow: true, warned, env })) {
    if (line.startsWith('# branch.oid ')) status.head = line.slice(13) === '(initial)' ? null : line.slice(13)
    else if (line.startsWith('# branch.head ')) status.branch = line.slice(14) === '(detached)' ? null : line.slice(14)
    else if (line.startsWith('? ')) status.entries.push({ path: line.slice(2), kind: 'untracked' })
    else if (line.startsWith('! ')) status.ignored.push(line.slice(2))
    else if (line.startsWith('u ')) status.entries.push({ path: afterFields(line, 10), kind: 'unmerged' })
    else if (line.startsWith('1 ')) status.entries.push(changedEntry(line))
  }
  return status
}

const CLOSED = "could not open directory '"

/** The folders of which git warns, a line each, that it cannot look into them. */
export function closedIn(warnings: string): string[] {
  return warnings.split('\n').flatMap(line => {
    const at = line.indexOf(CLOSED)
    return at < 0 ? [] : line.slice(at + CLOSED.length, line.lastIndexOf("'")) || []
  })
}

function changedEntry(line: string): StatusEntry {
  const [, states, , , indexMode, mode, , index] = line.split(' ', 8)
  const entry: StatusEntry = { path: afterFields(line, 8), kind: states === '.D' ? 'gone' : 'changed' }
  if (states === '.A') return { ...entry, intended: true }
  return states === '.M' && indexMode === mode && index ? { ...entry, index } : entry
}

function afterFields(line: string, fields: number): string {
  let at = 0
  for (let field = 0; field < fields; field++) at = line.indexOf(' ', at) + 1
  return line.slice(at)
}

/** The paths of a merge that git could not put together. */
export function conflictsOf({ entries }: Status): string[] {
  return entries.filter(entry => entry.kind === 'unmerged').map(entry => entry.path)
}

/** The end of a sentence that names conflicts; '' without any. */
export function withConflicts(status: Status): string {
  const conflicts = conflictsOf(status)
  return conflicts.length > 0 ? `, with conflicts in ${somePaths(conflicts)}` : ''
}
