import { chmodSync, existsSync, lstatSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { WorkspaceRecord } from '../../core/run.ts'
import { shellWord } from '../../core/text/shell-word.ts'
import { somePaths } from '../../core/text/some-paths.ts'
import { conflictsOf, type Status } from '../../git/checkout/status.ts'
import { fileAt } from '../../git/file-names.ts'
import { headTree } from '../../git/refs/commits.ts'
import { removeFile } from '../../git/trees/restore.ts'
import { dropPrivateIndex, privateIndex, takeSnapshot } from '../../git/trees/snapshot.ts'
import { emptyTree, indexChanges, indexInfo, type TreeChange, treeChanges } from '../../git/trees/trees.ts'
import { safeRun, startRef } from '../kept/rescue.ts'
import { changedBefore, noteInPicture, readPicture } from '../picture/picture.ts'
import { gitAt, type Place } from '../place.ts'
import { untrackedRepositories } from '../submodules.ts'
import { usersPaths } from '../users-paths.ts'

/** A path of the user that is not as it was before the agent began (`before`). */
interface Touched extends TreeChange {
  /** It is as before the user's change, or as it was staged, or gone. That counts as wiped, even if it was deleted on purpose. */
  wiped: boolean
  /** A commit of the run has it otherwise than the commit that the work began on. */
  inCommit: boolean
}

/**
 * Restores the user's uncommitted changes that were deleted or reverted while the agent worked (`git reset --hard`, `git clean`, `rm` …),
 * where nothing is in the way, and stages again what was staged. Files that the agent has changed stay. Reports both. Repeating it
 * completes it.
 */
export async function giveBack(place: Place, workspace: WorkspaceRecord, status: Status): Promise<string[]> {
  const { staged = [], intended = [] } = readPicture(place) ?? {}
  const remarks: string[] = []
  let touched = await touchedPaths(place, workspace, status)
  const back = backable(workspace.path, touched)
  if (back.length > 0) {
    const sentence = putBackSays(back)
    let said = noteInPicture(place, sentence)
    await putBack(place, workspace, back)
    touched = await touchedPaths(place, workspace, status)
    const left = new Set(pathsOf(touched))
    const done = back.filter(({ path }) => !left.has(path))
    // A filter that is missing, a folder that nobody may write to.
    if (done.length < back.length) said = noteInPicture(place, done.length > 0 ? putBackSays(done) : null, sentence)
    remarks.push(...said)
  }
  if (conflictsOf(status).length === 0) await stageAgain(place, workspace, staged, new Set(intended))
  const gone = touched.filter(one => one.wiped)
  if (gone.length > 0)
    remarks.push(
      `Uncommitted changes of yours were deleted or reverted while the agent worked, and could not be put back (${somePaths(pathsOf(gone))}): something else is there now, or git cannot write it. ${howBack(place, gone)}`,
    )
  for (const inCommit of [false, true]) {
    const changed = touched.filter(one => !one.wiped && one.inCommit === inCommit)
    if (changed.length === 0) continue
    const where = inCommit ? 'a commit has it' : 'no commit has it'
    remarks.push(
      `The agent also changed ${somePaths(pathsOf(changed))}, where there were uncommitted changes before; ${where}. ${howBack(place, changed)}`,
    )
  }
  const lost = workspace.dirtyAtStart.filter(path => path.endsWith('/') && !lstatSync(fileAt(workspace.path, path), QUIET))
  if (lost.length > 0) remarks.push(`The repositories inside ${somePaths(lost)} are gone; nothing of them was kept.`)
  return [...remarks, ...(await tellRenamed(place, workspace))]
}

function putBackSays(back: Touched[]): string {
  const says = `Uncommitted changes of yours were not in the files any more when the agent ended, and were put back: ${somePaths(pathsOf(back))}.`
  const deleted = pathsOf(back.filter(({ before, now }) => before !== null && now === null))
  return deleted.length > 0 ? `${says} What was deleted on purpose goes for good with \`rm -- ${named(deleted, shellWord)}\`.` : says
}

/** Says which commits have the user's uncommitted content under another name: it was moved or copied there on purpose. */
async function tellRenamed(place: Place, { base, startTree, dirtyAtStart, path }: WorkspaceRecord): Promise<string[]> {
  const git = gitAt(place, path)
  const isUsers = usersPaths(dirtyAtStart)
  const from = base ?? (await emptyTree(git))
  const empty = (await git.run(['hash-object', '/dev/null'])).trim()
  const users = (await treeChanges(git, from, startTree!)).filter(change => isUsers(change.path) && change.now && change.now.sha !== empty)
  const names = new Map(users.map(change => [change.now!.sha, change.path]))
  const committed = names.size > 0 ? await treeChanges(git, from, await headTree(git)) : []
  const found = committed.filter(change => change.now && names.has(change.now.sha) && !isUsers(change.path))
  const moved = found.map(change => `${names.get(change.now!.sha)} in ${change.path}`)
  return moved.length > 0 ? [`What you had not committed was committed under another name: ${somePaths(moved)}.`] : []
}

/** How many files are written one by one. */
const MOST_SINGLE = 500
const QUIET = { throwIfNoEntry: false } as const

const pathsOf = (touched: Touched[]) => touched.map(({ path }) => path)

/** The user's own paths that are no longer as they were when the agent began. */
export async function touchedPaths(place: Place, workspace: WorkspaceRecord, status: Status): Promise<Touched[]> {
  const { startTree } = workspace
  if (startTree === null || workspace.dirtyAtStart.length === 0) return []
  const { gitDir, root } = place.repository
  const git = gitAt(place, root)
  const run = safeRun(place.request.runId)
  const isUsers = usersPaths(workspace.dirtyAtStart)
  const of = (changes: TreeChange[]) => changes.filter(({ path }) => isUsers(path))
  const empty = await emptyTree(git)
  const base = workspace.base ?? empty
  try {
    const files = of(await treeChanges(git, base, startTree)).filter(({ path, now }) => now && isFileAt(root, path))
    // Files that the agent made ignored are still there.
    const hidden = files.map(({ path }) => path)
    const { tree } = await takeSnapshot(git, gitDir, run, { repositories: untrackedRepositories(status), hidden })
    const changed = of(await treeChanges(git, startTree, tree))
    if (changed.length === 0) return []
    const head = await headTree(git)
    const unlikeHead = new Set((await treeChanges(git, head, tree)).map(({ path }) => path))
    const committed = new Set((await treeChanges(git, base, head)).map(({ path }) => path))
    const staged = new Map((readPicture(place)?.staged ?? []).map(({ path, now }) => [path, now]))
    const isStaged = ({ path, now }: TreeChange) => staged.has(path) && isSame(staged.get(path)!, now)
    return changed.map(change => {
      const inCommit = committed.has(change.path)
      return { ...change, inCommit, wiped: change.now === null || isStaged(change) || (!inCommit && !unlikeHead.has(change.path)) }
    })
  } finally {
    dropPrivateIndex(gitDir, run)
  }
}

/** Whether there is a file or a link at a path, and no link on the way to it. */
function isFileAt(top: string, path: string): boolean {
  const found = isWayFree(top, path) && lstatSync(fileAt(top, path), QUIET)
  return found ? found.isFile() || found.isSymbolicLink() : false
}

/** Whether all folders on the way to a path are folders, or are not there, or are files that go. */
function isWayFree(top: string, path: string, going = new Set<string>()): boolean {
  for (let folder = dirname(path); folder !== '.'; folder = dirname(folder))
    if (!going.has(folder) && lstatSync(fileAt(top, folder), QUIET)?.isDirectory() === false) return false
  return true
}

/** Those of the paths that were wiped and can be put back: no links to repositories, and nothing stands in the way. */
function backable(top: string, touched: Touched[]): Touched[] {
  const isLink = ({ before, now }: Touched) => before?.mode === '160000' || now?.mode === '160000'
  const wiped = touched.filter(one => one.wiped && !one.inCommit && !isLink(one))
  const going = new Set(pathsOf(wiped.filter(({ now, path }) => now && isFileAt(top, path))))
  return wiped.filter(({ path }) => going.has(path) || (isWayFree(top, path, going) && !isThere(top, path)))
}

/** Whether anything is at a path; below a file nothing is. */
function isThere(top: string, path: string): boolean {
  try {
    return lstatSync(fileAt(top, path), QUIET) !== undefined
  } catch {
    return false
  }
}

/** Writes the paths as they were. */
async function putBack(place: Place, { startTree, path: top }: WorkspaceRecord, paths: Touched[]): Promise<void> {
  const { gitDir } = place.repository
  const git = gitAt(place, top)
  // What is here is in HEAD, or was staged; it stays there.
  for (const { path, now } of paths) if (now && isFileAt(top, path)) removeFile(top, path)
  const back = paths.filter(({ path, before }) => before && isWayFree(top, path) && !lstatSync(fileAt(top, path), QUIET))
  if (back.length === 0) return
  const run = safeRun(place.request.runId)
  const env = { GIT_INDEX_FILE: privateIndex(gitDir, run) }
  const stamps = changedBefore(place)
  try {
    dropPrivateIndex(gitDir, run)
    await git.run(['read-tree', startTree!], { env })
    const write = async (some: Touched[]) =>
      await git.ask(['checkout-index', '-q', '-z', '--stdin'], { env, input: some.map(({ path }) => `${path}\0`).join(''), slow: true })
    // git ends at the first file that cannot be written.
    if ((await write(back)) === null) for (const one of back.slice(0, MOST_SINGLE)) if (!isThere(top, one.path)) await write([one])
    // git does not know who may read a file; the picture does.
    for (const { path, before } of back) {
      const mode = Number.parseInt(stamps[path] ?? '', 8) & 0o777
      if (mode !== 0 && before?.mode.startsWith('100') && isFileAt(top, path)) chmodSync(fileAt(top, path), mode)
    }
  } finally {
    dropPrivateIndex(gitDir, run)
  }
}

/** Sets the user's paths in the checkout's index to what was staged of them, else to HEAD. */
async function stageAgain(place: Place, workspace: WorkspaceRecord, staged: TreeChange[], intended: Set<string>): Promise<void> {
  const git = gitAt(place, workspace.path)
  const isUsers = usersPaths(workspace.dirtyAtStart)
  const head = await headTree(git)
  const committed = new Set((await treeChanges(git, workspace.base ?? (await emptyTree(git)), head)).map(({ path }) => path))
  const is = new Map((await indexChanges(git, head)).map(change => [change.path, change]))
  const was = new Map(staged.filter(({ path }) => isUsers(path) && !committed.has(path)).map(change => [change.path, change]))
  const out = [...is.values()].filter(({ path }) => isUsers(path) && !was.has(path)).map(change => ({ ...change, now: change.before }))
  const again = [...was.values()].filter(({ path, now }) => !is.has(path) || !isSame(is.get(path)!.now, now))
  const names = again.filter(({ path }) => intended.has(path))
  // A name alone can only be given to a path that the index does not have.
  const changes = [...out, ...again.map(change => (intended.has(change.path) ? { ...change, now: null } : change))]
  if (changes.length > 0) await git.run(['update-index', '-z', '--index-info'], { input: indexInfo(changes, 'now') })
  const there = names.filter(({ path }) => isFileAt(workspace.path, path))
  const sparse = existsSync(join(place.repository.gitDir, 'info', 'sparse-checkout')) ? ['--sparse'] : []
  // One that git cannot take (it is in a submodule now) stays unstaged.
  if (there.length > 0)
    await git.ask(['add', '--intent-to-add', '--force', ...sparse, '--ignore-errors', '--pathspec-from-file=-', '--pathspec-file-nul'], {
      env: { GIT_LITERAL_PATHSPECS: '1' },
      input: there.map(({ path }) => path).join('\0'),
    })
}

const isSame = (one: TreeChange['now'], other: TreeChange['now']) => one?.sha === other?.sha && one?.mode === other?.mode

/** The commands that bring paths of the user back; a repository inside has its own. */
function howBack({ request }: Place, touched: Touched[]): string {
  const isLink = ({ before }: Touched) => before?.mode === '160000'
  const links = touched.filter(isLink)
  const paths = pathsOf(touched.filter(one => !isLink(one)))
  const commands = [
    ...(paths.length > 0 ? [`git restore --source=${startRef(request.runId)} -- ${named(paths, asArgument)}`] : []),
    ...links.slice(0, MOST_NAMED).map(({ path, before }) => `git -C ${shellWord(path)} checkout ${before!.sha}`),
  ]
  return `${somePaths(
    commands.map(command => `\`${command}\``),
    MOST_NAMED + 1,
  )} ${commands.length > 1 ? 'bring' : 'brings'} back what was there.`
}

const MOST_NAMED = 10

/** The paths for a command in a sentence; where they are too many, or no text, a word stands for them. */
function named(paths: string[], asWord: (path: string) => string): string {
  return paths.length > MOST_NAMED || !paths.every(path => path.isWellFormed()) ? 'PATH' : paths.map(asWord).join(' ')
}

/** A path for a shell, and for git, which takes some characters for patterns. */
function asArgument(path: string): string {
  return /^[\w@%+=,./-]+$/.test(path) ? path : shellWord(`:(literal)${path}`)
}
