import { existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { RunnerError } from '../../core/errors.ts'
import { copyIndex, liftFlags, readIndex } from '../checkout/index-flags.ts'
import { entered, leavingOut } from '../checkout/links.ts'
import { isNoRoom } from '../full-disk.ts'
import type { Git, GitCall } from '../git.ts'

/** A picture of a whole checkout: tracked and untracked files, and the ignored files that were asked for. */
export interface Snapshot extends StagedPicture {
  tree: string
}

/** The same before it is a tree. */
export interface StagedPicture {
  /** Environment that names the private index which holds the picture. */
  index: { GIT_INDEX_FILE: string }
  /** Whether the checkout's index bears flags that hide changes; the private one has none. */
  flags: boolean
  /** Why some file is not in it (unreadable, a repository without commits …); null when all are. */
  incomplete: string | null
}

/** The path of a run's private index. There is one name per run, so the next call uses and removes what a kill has left. */
export function privateIndex(gitDir: string, run: string): string {
  return join(gitDir, `agent-runner-${run}.index`)
}

/** Removes a run's private index; the picture's tree stays. */
export function dropPrivateIndex(gitDir: string, run: string): void {
  for (const suffix of ['', '.lock']) rmSync(privateIndex(gitDir, run) + suffix, { force: true })
}

export interface SnapshotOptions {
  /** The commit to start from, instead of the checkout's index. */
  from?: string
  /** Paths of repositories inside the checkout that git is not to look at: a link to one says nothing of what is in it. */
  repositories?: string[]
  /** Files that go into the picture although git would ignore them. */
  hidden?: string[]
}

/** Takes a picture of a checkout without touching its index, as a tree. */
export async function takeSnapshot(git: Git, gitDir: string, run: string, options: SnapshotOptions = {}): Promise<Snapshot> {
  const staged = await stagePicture(git, gitDir, run, options)
  return { ...staged, tree: await treeOfIndex(git, staged.index) }
}

/** Makes the tree of an index. */
export async function treeOfIndex(git: Git, index: { GIT_INDEX_FILE: string }): Promise<string> {
  return (await git.run(['write-tree'], { env: index })).trim()
}

/**
 * Takes a picture of a checkout into a private index. It starts from a copy of that index: fast, and files
 * that are tracked although ignored stay in it.
 */
export async function stagePicture(git: Git, gitDir: string, run: string, options: SnapshotOptions = {}): Promise<StagedPicture> {
  const { from, repositories = [], hidden = [] } = options
  dropPrivateIndex(gitDir, run)
  const file = privateIndex(gitDir, run)
  const index = { GIT_INDEX_FILE: file }
  const own = join(gitDir, 'index')
  let unseen: string | null = null
  let flags = false
  let known: string[] | null = null
  if (from === undefined && existsSync(own)) {
    copyIndex(own, file)
    unseen = await unlessIncomplete(lift())
  } else await fill(from)
  let incomplete = (await addAll()) ?? unseen
  if (incomplete !== null && (await git.ask(['write-tree'], { env: index })) === null) {
    // The checkout's index is broken; then the picture is taken from HEAD.
    dropPrivateIndex(gitDir, run)
    await fill()
    incomplete = await addAll()
  }
  if (hidden.length > 0) incomplete = (await addHidden()) ?? incomplete
  return { index, flags, incomplete }

  async function fill(commit = 'HEAD') {
    known = null
    if (await git.ask(['rev-parse', '-q', '--verify', `${commit}^{commit}`])) await git.run(['read-tree', commit], { env: index })
  }
  async function lift() {
    const { flagged, links } = await readIndex(git, index)
    known = links
    flags = flagged.length > 0
    await liftFlags(git, flagged, index)
  }
  async function addAll(): Promise<string | null> {
    const unread = known ? null : await unlessIncomplete(readIndex(git, index).then(facts => (known = facts.links)))
    if (unread !== null) return unread
    const links = entered(git, known ?? [])
    const failure = await addFiles([...repositories, ...links])
    // A link is moved to where its repository stands; nothing else of that is asked for.
    if (links.length === 0) return failure
    return (await unlessIncomplete(git.run(['update-index', '-z', '--stdin'], call(links)))) ?? failure
  }
  function addFiles(without: string[]): Promise<string | null> {
    // Files that the agent wrote outside the cone of a sparse checkout are its work too.
    const sparse = existsSync(join(gitDir, 'info', 'sparse-checkout')) ? ['--sparse'] : []
    const paths = ['.', ...leavingOut(without)]
    const named = without.length > 0 ? ['--pathspec-from-file=-', '--pathspec-file-nul'] : []
    return unlessIncomplete(git.run(['add', '-A', '--ignore-errors', ...sparse, ...named], call(named.length > 0 ? paths : [])))
  }
  function addHidden(): Promise<string | null> {
    // Not by `git add`, which enters no repository. `--replace` puts the files in the place of a link to it.
    return unlessIncomplete(git.run(['update-index', '--add', '--replace', '-z', '--stdin'], call(hidden)))
  }
  function call(paths: string[]): GitCall {
    // The line-ending guard would refuse files; a picture must take them all.
    const input = paths.length > 0 ? { input: paths.map(path => `${path}\0`).join('') } : {}
    return { env: index, slow: true, config: ['core.safecrlf=false'], ...input }
  }
}

/** git's words when it could not read everything. A picture without the files for which there was no room would be taken for the whole. */
async function unlessIncomplete(work: Promise<unknown>): Promise<string | null> {
  try {
    await work
    return null
  } catch (failure) {
    if (failure instanceof RunnerError && !isNoRoom(failure)) return failure.message
    throw failure
  }
}
