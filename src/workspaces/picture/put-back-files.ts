import {
  chmodSync,
  copyFileSync,
  linkSync,
  lstatSync,
  mkdirSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { RunnerError } from '../../core/errors.ts'
import type { WorkspaceRecord } from '../../core/run.ts'
import { shellWord } from '../../core/text/shell-word.ts'
import { somePaths } from '../../core/text/some-paths.ts'
import { bytesOf, textOf } from '../../git/file-names.ts'
import { safeRun } from '../kept/rescue.ts'
import { noteMovesForOthers, withoutOthers } from './other-runs.ts'
import { changePicture, type Picture, pictureAt } from './picture.ts'
import {
  ABSENT,
  asPath,
  bare,
  type Deviation,
  deviationsFrom,
  isBelow,
  isSame,
  type Moved,
  type SteeringFile,
  type SteeringFiles,
  steeringFileAt,
} from './steering-files.ts'

/*
 * Hooks, and what else in a git folder steers git, would run in the user's own `git commit` for as long as they lie there. What the agent added or changed is
 * moved aside, never deleted, and what was there before comes back. What is about to be done stands in the picture first, so that a kill at any moment is
 * made up for by repeating it. No git is run.
 */

/** Where it is moved, in the git folder. */
const ASIDE = 'agent-runner.aside'
/** So many are told one by one. */
const MOST_SAID = 10
/** More than that somebody goes on changing it. */
const MOST_ROUNDS = 100

/** Puts back what steers git and is not as the run's picture shows it, and notes it there. Throws GIT_FAILED where that cannot be done. */
export function putBackFiles(workspace: WorkspaceRecord, runId: string): void {
  const common = workspace.seal?.repository
  if (common === undefined) return
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const picture = pictureAt(common, runId)
    if (!picture?.steering) return
    if (picture.moving && picture.moving.length > 0) finish(common, runId, picture.moving, picture.steering.files)
    else if (!begin(common, runId, picture)) return
  }
  throw new RunnerError('GIT_FAILED', `the hooks in ${common} are changed again and again while they are put back`)
}

/** Notes in the picture what is to be done; false when there is nothing. */
function begin(common: string, runId: string, picture: Picture): boolean {
  const all = deviationsFrom(withoutOthers(common, runId, picture.steering!))
  const isLost = ({ was, found }: Deviation) => found.is === 'absent' && !canComeBack(was)
  const lost = all.filter(isLost).slice(0, MOST_SAID).map(lostSays)
  const found = all.filter(one => !isLost(one))
  if (found.length === 0 && lost.every(one => picture.putBack?.includes(one))) return false
  const folders = new Map<string, string>()
  const asideOf = (path: string, number: number) => {
    const own = picture.steering!.places.gitFolders.find(folder => isBelow(path, folder)) ?? common
    const folder = folders.get(own) ?? asideIn(own, runId)
    folders.set(own, folder)
    return freeIn(folder, number, basename(path))
  }
  const moving: Moved[] = found.map((one, at) => ({ ...one, aside: isToGo(one) ? asideOf(one.path, at + 1) : null }))
  const said = [...lost, ...moving.slice(0, MOST_SAID).map(says), ...furtherSays(moving.slice(MOST_SAID))]
  changePicture(common, runId, was => ({ ...was, moving, putBack: [...new Set([...(was.putBack ?? []), ...said])] }))
  return found.length > 0
}

/** Does it, or the rest of it. */
function finish(common: string, runId: string, moving: Moved[], before: SteeringFiles['files']): void {
  const making = join(asideIn(common, runId), '.making')
  for (const one of moving) {
    try {
      carryOut(one, before, making)
    } catch (failure) {
      throw new RunnerError('GIT_FAILED', `${shown(one.path)}, which steers git, could not be put back: ${(failure as Error).message}`, {
        cause: failure,
      })
    }
  }
  rmSync(making, { recursive: true, force: true })
  // Later than it is done: a picture that is taken meanwhile has seen it, or is there to be noted at.
  const moves = moving.map(({ path, was, found }) => ({
    path,
    was: bare(was),
    found: bare(found),
    now: canComeBack(was) || isOnlyRights({ was, found }) ? was : ABSENT,
  }))
  noteMovesForOthers(common, runId, moves)
  changePicture(common, runId, ({ moving: _, ...picture }) => {
    const { steering } = picture
    // What could not come back is not missed again.
    const gone = moves.filter(({ now }) => now.is === 'absent').map(({ path }) => [path, ABSENT])
    return steering ? { ...picture, steering: { ...steering, files: { ...steering.files, ...Object.fromEntries(gone) } } } : picture
  })
}

/** Whether the thing that is there is in the way. */
function isToGo({ was, found }: Deviation): boolean {
  return found.is !== 'absent' && !isOnlyRights({ was, found })
}

function isOnlyRights({ was, found }: Pick<Deviation, 'was' | 'found'>): boolean {
  if (was.is === 'folder') return found.is === 'folder'
  return was.is === 'file' && found.is === 'file' && was.hash === found.hash
}

const canComeBack = (was: SteeringFile) => was.is === 'link' || was.is === 'folder' || (was.is === 'file' && was.content !== null)

function carryOut({ path, was, found, aside }: Moved, before: SteeringFiles['files'], making: string): void {
  const parent = dirname(path)
  const real = textOf(realpathSync.native(asPath(parent), { encoding: 'buffer' }))
  if (real !== parent) throw new Error(`${shown(parent)} leads to ${shown(real)}`)
  if (aside !== null && !isThere(aside) && isSame(steeringFileAt(path), found)) inFolder(parent, () => moveTo(path, aside))
  if (was.is === 'absent') return
  if (isOnlyRights({ was, found })) {
    if (isOnlyRights({ was, found: steeringFileAt(path) })) chmodSync(asPath(path), (was as { mode: number }).mode)
    return
  }
  if (canComeBack(was) && !isThere(path)) inFolder(parent, () => make(path, was, before, making))
}

/** Moves something, and overwrites nothing. */
function moveTo(path: string, aside: string): void {
  try {
    renameSync(asPath(path), aside)
  } catch (failure) {
    if ((failure as NodeJS.ErrnoException).code !== 'EXDEV') throw failure
    // On another disk only a file can be moved; it is there as a whole before it goes here.
    copyFileSync(asPath(path), `${aside}.copy`)
    renameSync(`${aside}.copy`, aside)
    rmSync(asPath(path), { force: true })
  }
}

/** Makes it as a whole or not at all, and in the place of nothing. */
function make(path: string, was: SteeringFile, before: SteeringFiles['files'], making: string): void {
  if (was.is === 'folder') makeFolder(path, was.mode, before, making)
  else if (was.is === 'link') symlinkSync(bytesOf(was.target), asPath(path))
  else if (was.is === 'file' && was.content !== null) makeFile(path, was.mode, was.content, making)
}

function makeFile(path: string, mode: number, content: string, making: string): void {
  try {
    write(making, content, mode)
    linkSync(making, asPath(path))
  } catch (failure) {
    if (!NO_LINK.has((failure as NodeJS.ErrnoException).code ?? '')) throw failure
    const beside = `${path}.put-back`
    write(asPath(beside), content, mode)
    if (!isThere(path)) renameSync(asPath(beside), asPath(path))
  } finally {
    rmSync(making, { force: true })
  }
}

/** With all that was in it and is kept. */
function makeFolder(path: string, mode: number, before: SteeringFiles['files'], making: string): void {
  const below = Object.keys(before).filter(one => isBelow(one, path))
  const folders = [path, ...below.filter(one => before[one]!.is === 'folder').sort()]
  const to = (one: string) => asPath(making + one.slice(path.length))
  rmSync(making, { recursive: true, force: true })
  for (const one of folders) mkdirSync(to(one))
  for (const one of below) {
    const was = before[one]!
    if (was.is === 'file' && was.content !== null) write(to(one), was.content, was.mode)
    if (was.is === 'link') symlinkSync(bytesOf(was.target), to(one))
  }
  for (const one of folders.slice(1).reverse()) chmodSync(to(one), (before[one] as { mode: number }).mode)
  chmodSync(making, mode)
  try {
    renameSync(making, asPath(path))
  } catch (failure) {
    if ((failure as NodeJS.ErrnoException).code !== 'EXDEV') throw failure
    // What was in it follows.
    mkdirSync(asPath(path), { mode })
  } finally {
    rmSync(making, { recursive: true, force: true })
  }
}

/** Another disk, or one without links. */
const NO_LINK = new Set(['EXDEV', 'EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'])

function write(file: string | Buffer, content: string, mode: number): void {
  rmSync(file, { force: true })
  writeFileSync(file, Buffer.from(content, 'base64'), { flag: 'wx', mode: 0o600 })
  chmodSync(file, mode)
}

/** In a folder that may have lost its rights. */
function inFolder(folder: string, act: () => void): void {
  try {
    act()
  } catch (failure) {
    if ((failure as NodeJS.ErrnoException).code !== 'EACCES') throw failure
    const { mode } = lstatSync(asPath(folder))
    chmodSync(asPath(folder), mode | 0o700)
    try {
      act()
    } finally {
      chmodSync(asPath(folder), mode)
    }
  }
}

const isThere = (path: string) => lstatSync(asPath(path), { throwIfNoEntry: false }) !== undefined

/** The run's folder for it, which no link leads elsewhere. */
function asideIn(gitFolder: string, runId: string): string {
  for (let number = 1; ; number++) {
    const folder = join(gitFolder, number === 1 ? ASIDE : `${ASIDE}.${number}`, safeRun(runId))
    if (isOwnFolder(dirname(folder)) && isOwnFolder(folder)) return folder
  }
}

function isOwnFolder(folder: string): boolean {
  if (!isThere(folder)) mkdirSync(folder, { mode: 0o700 })
  return lstatSync(folder).isDirectory()
}

function freeIn(folder: string, number: number, name: string): string {
  const plain = name.replace(/[^\w.-]/g, '_')
  for (let at = number; ; at++) {
    const path = join(folder, `${at}-${plain}`)
    if (!isThere(path)) return path
  }
}

const shown = (path: string) => path.toWellFormed()

/** Says what is done with one, and the command that takes it back. */
function says(one: Moved): string {
  const { path, was, found, aside } = one
  const [file, word] = [shown(path), shellWord(path)]
  if (aside === null && found.is === 'absent')
    return `${file} steers git, was deleted while the agent worked, and is back. To delete it again: \`${was.is === 'folder' ? 'rm -r' : 'rm'} -- ${word}\`.`
  if (aside === null)
    return `The rights of ${file}, which steers git, were changed while the agent worked, and are as they were. To change them again: \`chmod ${(found as { mode: number }).mode.toString(8)} -- ${word}\`.`
  const back = `mv -- ${shellWord(aside)} ${word}`
  if (was.is === 'absent')
    return `${file} steers git and came while the agent worked. It was moved aside, and nothing runs it: it is ${aside} now. To take it back: \`${back}\`.`
  if (!canComeBack(was))
    return `${file} steers git and was changed while the agent worked. It was moved aside, and nothing runs it: it is ${aside} now. It was too large to be kept as it had been. To take it back as it is now: \`${back}\`.`
  const away = was.is === 'folder' || found.is === 'folder' ? `rm -r -- ${word} && ${back}` : `mv -f -- ${shellWord(aside)} ${word}`
  return `${file} steers git and was changed while the agent worked. It is as it was before, and what had become of it is ${aside} now. To take that back: \`${away}\`.`
}

function lostSays({ path }: Deviation): string {
  return `${shown(path)} steers git and was deleted while the agent worked. It was too large to be kept, so it cannot be put back.`
}

function furtherSays(moving: Moved[]): string[] {
  if (moving.length === 0) return []
  const folder = moving.map(({ aside }) => aside).find(aside => aside !== null)
  const where = folder ? `; what was moved aside is in ${dirname(folder)}` : ''
  return [
    `${moving.length} further files that steer git were put back or moved aside: ${somePaths(moving.map(({ path }) => path))}${where}.`,
  ]
}
