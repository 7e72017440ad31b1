import { existsSync, realpathSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { waitingAt, waitingAtTop, waitingForIndex } from '../../machine/files/waiting-files.ts'
import { runNow } from '../../machine/process/run-now.ts'

/*
 * When its agent reads a file, the CLI takes up the skills of each folder between that file and the checkout's top, except what git
 * ignores. So git is asked, which does not walk through ignored folders either.
 */

const PATTERNS = ['', '/skills', '/skills/**'].map(end => `:(top,glob,icase)**/.claude${end}`)
/** This runs nothing that a repository names: the monitor is off, and `ls-files` uses no filter. */
const LIST = ['-c', 'core.fsmonitor=false', 'ls-files', '-z', '--full-name']
const LOOK_MS = 60_000

/**
 * The folders of skills in a checkout that are not at its top, by their relative names; a sentence when git cannot tell. Without git
 * nobody can be asked.
 */
export function skillFoldersBelow(checkout: string): string[] | string {
  const dotGit = join(checkout, '.git')
  if (!existsSync(dotGit)) return []
  const waiting = waitingAt(dotGit) ?? waitingForIndex(dotGit) ?? waitingAtTop(checkout)
  if (waiting !== null) return waiting
  const own = list(checkout, '--cached', '--others', '--exclude-standard')
  // What submodules hold came with the branch, too.
  const theirs = existsSync(join(checkout, '.gitmodules')) ? list(checkout, '--cached', '--recurse-submodules') : []
  if (own === null || theirs === null) return 'git cannot list the skills in folders below'
  const folders = [...own, ...theirs].flatMap(path => /^(.+?\/\.claude)(?:\/|$)/i.exec(path)?.[1] ?? [])
  return [...new Set(folders)].map(folder => `${folder}/skills`)
}

function list(checkout: string, ...which: string[]): string[] | null {
  const set = { LC_ALL: 'C', GIT_CEILING_DIRECTORIES: dirname(realpathSync(checkout)) }
  const args = [...LIST, ...which, '--', ...PATTERNS]
  const { status, stdout, stderr, error } = runNow({ need: 'git', file: 'git', args, cwd: checkout, set, timeoutMs: LOOK_MS })
  if (status === 0) return stdout.toString('utf8').split('\0').filter(Boolean)
  // Then no task is begun there either.
  const isNone = (error as NodeJS.ErrnoException | undefined)?.code === 'ENOENT' || stderr?.includes('not a git repository')
  return isNone ? [] : null
}
