import { existsSync, lstatSync, readdirSync, realpathSync, statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { RunnerError } from '../core/errors.ts'
import { plainText } from '../machine/files/plain-file.ts'
import { waitingAt, waitingAtTop, waitingIn } from '../machine/files/waiting-files.ts'
import type { Git } from './git.ts'

/** A git repository as seen from one of its checkouts. All paths are real and absolute. */
export interface Repository {
  /** The top of the checkout; the git folder itself for a bare repository. */
  root: string
  /** The checkout's own git folder: its HEAD, its index. */
  gitDir: string
  /** The git folder that all checkouts share: branches, objects, `info/exclude`. */
  commonDir: string
  /** Where its hooks are, as its configuration said when it was first looked at. */
  hooks: string
  bare: boolean
}

/**
 * The repository that a folder belongs to, or null when there is none. A repository that git refuses to open (a foreign
 * owner, a broken file), or at which it would wait for ever, is a GIT_FAILED and never taken for "no repository", which would leave work without protection.
 */
export async function findRepository(git: Git): Promise<Repository | null> {
  if (!existsSync(git.cwd)) throw new RunnerError('GIT_FAILED', `the folder ${git.cwd} does not exist`)
  const folder = realpathSync.native(git.cwd)
  refuseWaiting(folder)
  const known = found.get(folder)
  if (known && isStill(known, folder)) return known.repository
  let answer: string
  try {
    const questions = ['--is-inside-work-tree', '--is-bare-repository', '--absolute-git-dir', '--git-common-dir']
    answer = await git.run(['rev-parse', ...questions, '--git-path', 'hooks', '--show-cdup'])
  } catch (failure) {
    if (!looksLikeRepository(folder)) return null
    throw failure
  }
  const [inside, bare, gitDir, commonDir, hooks, up] = answer.split('\n') as [string, string, string, string, string, string]
  const common = realpathSync.native(resolve(folder, commonDir))
  const folders = { gitDir: realpathSync.native(gitDir), commonDir: common, hooks: resolve(folder, hooks) }
  if (bare === 'true') return { root: folders.gitDir, ...folders, bare: true }
  if (inside !== 'true') throw new RunnerError('GIT_FAILED', `${folder} is inside a git folder, not in a checkout`)
  const repository = { root: realpathSync.native(resolve(folder, up)), ...folders, bare: false }
  if (found.size > 1_000) found.clear()
  found.set(folder, { repository, settings: settingsStamp(repository) })
  return repository
}

function refuseWaiting(folder: string): void {
  let top = folder
  while (!existsSync(join(top, '.git')) && dirname(top) !== top) top = dirname(top)
  const gitDir = existsSync(join(top, '.git')) ? gitFolderOf(top) : folder
  const waiting =
    waitingAt(join(top, '.git')) ??
    waitingAtTop(top) ??
    [gitDir, gitDir && commonOf(gitDir)].map(one => one && waitingIn(one)).find(Boolean)
  if (waiting) throw new RunnerError('GIT_FAILED', `${waiting}, and git would wait for it for ever`)
}

/** Earlier answers of git, by folder; git is asked again when the folders have changed. */
const found = new Map<string, { repository: Repository; settings: string }>()

function isStill({ repository, settings }: { repository: Repository; settings: string }, folder: string): boolean {
  const { root, gitDir, commonDir } = repository
  // They say where its hooks are.
  if (settings !== settingsStamp(repository)) return false
  for (let at = folder; at !== root && at !== dirname(at); at = dirname(at)) if (existsSync(join(at, '.git'))) return false
  return gitFolderOf(root) === gitDir && existsSync(join(gitDir, 'HEAD')) && existsSync(join(commonDir, 'objects'))
}

function settingsStamp({ commonDir }: Repository): string {
  const entry = lstatSync(join(commonDir, 'config'), { throwIfNoEntry: false })
  return entry ? `${entry.size} ${entry.mtimeMs} ${entry.ctimeMs} ${entry.ino}` : ''
}

function looksLikeRepository(folder: string): boolean {
  if (existsSync(join(folder, 'HEAD')) && existsSync(join(folder, 'objects'))) return true
  for (let at = folder; ; at = dirname(at)) {
    if (existsSync(join(at, '.git'))) return true
    if (dirname(at) === at) return false
  }
}

/** The name for a `.git` that was found in the place of ours, so that no git takes it for a repository. */
export const PUT_ASIDE = '.git.replaced'

/** The folder's git folder as its `.git` says, without asking git; null when there is none. */
export function gitFolderOf(checkout: string): string | null {
  const dotGit = join(checkout, '.git')
  try {
    if (statSync(dotGit).isDirectory()) return realpathSync.native(dotGit)
    const target = /^gitdir: (.+)$/m.exec(plainText(dotGit) ?? '')?.[1]
    return target ? realpathSync.native(resolve(checkout, target)) : null
  } catch {
    return null
  }
}

/** Whether branches and tags are files in its git folder, as `HEAD` is; else only git can read them. */
export const refsAreFiles = ({ commonDir }: Pick<Repository, 'commonDir'>) => !existsSync(join(commonDir, 'reftable'))

/** Whether git may find a hook to run there. */
export function hasHooks({ hooks }: Pick<Repository, 'hooks'>): boolean {
  try {
    return readdirSync(hooks).some(name => !name.endsWith('.sample'))
  } catch {
    return false
  }
}

/** The git folder that a checkout's git folder shares with others; null when it cannot be told. */
export function commonOf(gitDir: string): string | null {
  try {
    const file = join(gitDir, 'commondir')
    if (!existsSync(file)) return realpathSync.native(gitDir)
    const named = plainText(file)?.trim()
    return named ? realpathSync.native(resolve(gitDir, named)) : null
  } catch {
    return null
  }
}

/** What is unfinished in a checkout (`merge`, `rebase` …), or null. */
export function unfinishedOperation(gitDir: string): 'rebase' | 'merge' | 'cherry-pick' | 'revert' | null {
  if (existsSync(join(gitDir, 'rebase-merge')) || existsSync(join(gitDir, 'rebase-apply'))) return 'rebase'
  if (existsSync(join(gitDir, 'MERGE_HEAD'))) return 'merge'
  if (existsSync(join(gitDir, 'CHERRY_PICK_HEAD'))) return 'cherry-pick'
  return existsSync(join(gitDir, 'REVERT_HEAD')) ? 'revert' : null
}
