import { randomUUID } from 'node:crypto'
import { existsSync, lstatSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import type { Seal, WorkspaceRecord } from '../core/run.ts'
import { realPath } from '../git/checkout/worktree-list.ts'
import { commonOf, gitFolderOf, PUT_ASIDE } from '../git/repository.ts'
import { plainText } from '../machine/files/plain-file.ts'
import { waitingAtTop, waitingIn } from '../machine/files/waiting-files.ts'
import { RunPlace, runFile, runsWith } from './run-files.ts'

/*
 * A seal identifies a workspace after an agent has worked in it. A git folder that the agent put in its place may make git run anything,
 * so the check runs no git, and git never works in an unknown workspace.
 */

/** What was exchanged. */
export interface Replaced {
  what: 'workspace' | 'repository'
  says: string
}

const sealIn = (gitDir: string, runId: string) => runFile(gitDir, runId, '.seal')

/**
 * The same workspace with its seal, which is also written into its git folder. A seal that the run has set before stays, with another
 * `holder` if another agent has the run now.
 */
export function sealed(workspace: WorkspaceRecord, commonDir: string, runId: string, holder: string): WorkspaceRecord {
  const text = readSeal(commonDir, runId)?.text ?? randomUUID()
  const seal = { text, holder, place: { path: workspace.path, branch: workspace.branch } }
  for (const gitDir of workspace.kind === 'clone' ? [commonDir, join(workspace.path, '.git')] : [commonDir])
    if (JSON.stringify(readSeal(gitDir, runId)) !== JSON.stringify(seal)) writeSeal(gitDir, runId, seal)
  return {
    ...workspace,
    seal: { text, repository: commonDir, repositoryNumber: numberOf(commonDir), folderNumber: numberOf(workspace.path) },
  }
}

/** Whether another agent has sealed the run's workspace since: then the run's files in the git folders belong to that agent. */
export function isSealedByOther(commonDir: string, runId: string, holder: string): boolean {
  const there = readSeal(commonDir, runId)
  return there !== null && there.holder !== holder
}

/** Removes the seals of a run. */
export function dropSeal(workspace: WorkspaceRecord | null, commonDir: string, runId: string): void {
  for (const gitDir of workspace?.kind === 'clone' ? [commonDir, join(workspace.path, '.git')] : [commonDir])
    for (const suffix of ['', '.new']) rmSync(sealIn(gitDir, runId) + suffix, { force: true })
}

/**
 * What was exchanged: the repository or the workspace in which the work began. Null when both are the same, also where the folder is
 * gone. It runs nothing. A workspace that an older version has prepared has no seal and is taken as it is. `broken`: the seal may be gone
 * already, by a clean-up that was interrupted; then the numbers of the folders must do.
 */
export function replacedIn(workspace: WorkspaceRecord, runId: string, broken = false): Replaced | null {
  const { seal, path } = workspace
  if (!seal) return null
  const isSealed = (gitDir: string, number: string, folder = gitDir) => {
    const text = readSeal(gitDir, runId)?.text ?? null
    return text === seal.text || (broken && text === null && numberOf(folder) === number)
  }
  if (!isSealed(seal.repository, seal.repositoryNumber)) {
    const how = existsSync(seal.repository) ? 'is not the one in which the work began' : 'is gone'
    return { what: 'repository', says: `the repository's git folder ${seal.repository} ${how}` }
  }
  const waiting = waitingIn(seal.repository, [...SETTINGS, ...FILES]) ?? waitingAtTop(workspace.repo)
  if (waiting !== null) return { what: 'repository', says: waiting }
  if (!existsSync(path)) return null
  const own = gitFolderOf(path)
  const fault =
    faultAt(workspace, seal, gitDir => isSealed(gitDir, seal.folderNumber, path)) ??
    waitingAtTop(path) ??
    (own && own !== seal.repository ? waitingIn(own, [...SETTINGS, ...(workspace.kind === 'clone' ? FILES : [])]) : null)
  if (fault === null) return null
  return { what: workspace.kind === 'in-place' ? 'repository' : 'workspace', says: fault }
}

/** Puts a workspace's foreign `.git` aside, and returns where it is now; null when there is none. */
export function putAside({ path, kind }: WorkspaceRecord): string | null {
  const aside = join(path, PUT_ASIDE)
  if (kind === 'in-place' || !existsSync(path)) return null
  if (isThere(aside)) return aside
  if (!isThere(join(path, '.git'))) return null
  renameSync(join(path, '.git'), aside)
  return aside
}

function faultAt({ kind, path }: WorkspaceRecord, seal: Seal, isSealed: (gitDir: string) => boolean): string | null {
  const dotGit = join(path, '.git')
  if (isThere(join(path, PUT_ASIDE))) return `${dotGit} was not the one with which the work began`
  const entry = lstatSync(dotGit, { throwIfNoEntry: false })
  if (kind === 'clone') {
    const isOurs = entry?.isDirectory() && isSealed(dotGit) && commonOf(dotGit) === realPath(dotGit)
    return isOurs ? null : `${dotGit} is not the one with which the work began`
  }
  if (kind === 'worktree' && (!entry || (entry.isFile() && entry.size === 0)))
    return numberOf(path) === seal.folderNumber ? null : `${path} is not the folder in which the work began`
  const gitDir = kind === 'worktree' && !entry?.isFile() ? null : gitFolderOf(path)
  if (gitDir === null || commonOf(gitDir) !== seal.repository) return `${dotGit} does not lead to the repository any more`
  return kind === 'worktree' && !leadsBack(gitDir, dotGit) ? `${dotGit} leads to the git folder of another worktree` : null
}

/** What is put back before any git works there. */
const SETTINGS = ['config', 'config.worktree']
const FILES = ['hooks', 'info', 'info/attributes', 'info/grafts', 'info/exclude', 'objects/info/alternates']

function leadsBack(admin: string, dotGit: string): boolean {
  try {
    const target = plainText(join(admin, 'gitdir'))?.trim()
    return target !== undefined && realPath(dirname(resolve(admin, target))) === realPath(dirname(dotGit))
  } catch {
    return false
  }
}

/** A seal's first line is what is compared, its second who has the run, its third where that works (an older version wrote none). */
interface SealFile {
  text: string
  holder: string
  place: RunPlace | null
}

function readSeal(gitDir: string, runId: string): SealFile | null {
  try {
    const [text = '', holder = '', place = ''] = (plainText(sealIn(gitDir, runId)) ?? '').split('\n')
    return text === '' ? null : { text, holder, place: placeIn(place) }
  } catch {
    return null
  }
}

function placeIn(line: string): RunPlace | null {
  try {
    return RunPlace.parse(JSON.parse(line), { jitless: true })
  } catch {
    return null
  }
}

/** Where the other runs work whose seals are in a git folder. */
export function sealedPlaces(commonDir: string, exceptRun: string): RunPlace[] {
  return runsWith(commonDir, '.seal', exceptRun).flatMap(run => readSeal(commonDir, run)?.place ?? [])
}

function writeSeal(gitDir: string, runId: string, { text, holder, place }: SealFile): void {
  const file = sealIn(gitDir, runId)
  writeFileSync(`${file}.new`, `${text}\n${holder}\n${JSON.stringify(place)}\n`, { mode: 0o600 })
  renameSync(`${file}.new`, file)
}

const isThere = (path: string) => lstatSync(path, { throwIfNoEntry: false }) !== undefined

/** The number and, since numbers are used again, the hour of birth; '' for what is not there. */
function numberOf(path: string): string {
  const entry = statSync(path, { bigint: true, throwIfNoEntry: false })
  return entry ? `${entry.ino} ${entry.birthtimeNs}` : ''
}
