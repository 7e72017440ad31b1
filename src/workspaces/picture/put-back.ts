import { existsSync, lstatSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { WorkspaceRecord } from '../../core/run.ts'
import { bytesOf, textOf } from '../../git/file-names.ts'
import { type Git, openGit } from '../../git/git.ts'
import { plainBytes } from '../../machine/files/plain-file.ts'
import { noteSettingsForOthers, othersSettings } from './other-runs.ts'
import { changePicture, pictureAt } from './picture.ts'
import { putBackFiles } from './put-back-files.ts'
import { type OthersSetting, settingsBefore, settingsIn, unlike } from './shared-files.ts'

/*
 * Settings control every git in a repository, also the runner's: where its files are, what is included, and which programs run. What the
 * agent has changed is restored before any git works there, and reported. Settings that git itself writes for branches, submodules and
 * new remotes stay.
 */

/** How many settings are restored one by one; more are restored with the whole file. */
const MOST = 100
const LOOK_MS = 60_000

interface Steered {
  file: string
  /** The file's text as it was; null where there was none. */
  before: string | null
  /** The names of the settings that are not as they were; null when git cannot read the file. */
  names: string[] | null
  /** What other runs have put back there meanwhile. */
  others: OthersSetting[]
}

/** What of the settings the agent has changed so that it steers git, by name; none where no picture was taken. Runs no git in the repository. */
export async function steeringOf(workspace: WorkspaceRecord, runId: string): Promise<string[]> {
  return (await steered(workspace, runId)).flatMap(({ file, names }) => names ?? [`all of ${file}`])
}

/**
 * Puts back what steers git in the run's repository as the agent found it, hooks and settings, and notes it in the picture. No git of ours works there before.
 * Repeating it after a kill ends it.
 */
export async function putBackSteering(workspace: WorkspaceRecord, runId: string): Promise<void> {
  putBackFiles(workspace, runId)
  await putBackSettings(workspace, runId)
}

async function putBackSettings(workspace: WorkspaceRecord, runId: string): Promise<void> {
  const found = await steered(workspace, runId)
  if (found.length === 0) return
  const said = found.map(({ file, names }) => {
    const what = names && names.length <= MOST ? names.join(', ') : 'all'
    return `Settings that steer git were changed while the agent worked and were put back: ${what.slice(0, 1_000)} in ${file}.`
  })
  changePicture(workspace.seal!.repository, runId, picture => ({
    ...picture,
    putBack: [...new Set([...(picture.putBack ?? []), ...said])],
  }))
  for (const one of found) {
    const settings = await changesOf(one)
    // Before and after: a kill between the two, or a picture that is taken there, misses one of them at most.
    noteSettingsForOthers(workspace.seal!.repository, runId, settings)
    await putBack(one)
    noteSettingsForOthers(workspace.seal!.repository, runId, settings)
  }
}

/** What each setting is, and what it is put back to. */
async function changesOf({ file, before, names, others }: Steered): Promise<OthersSetting[]> {
  const text = names && textIn(file)
  if (names === null || text === null) return []
  const git = outside()
  const [were, are] = await Promise.all([settingsBefore(git, before ?? '', others), settingsIn(git, text)])
  return names.map(name => ({ file, name, found: are?.get(name) ?? null, now: were?.get(name) ?? null }))
}

async function steered(workspace: WorkspaceRecord, runId: string): Promise<Steered[]> {
  const common = workspace.seal?.repository
  const picture = common === undefined ? null : pictureAt(common, runId)
  if (common === undefined || picture === null) return []
  const before = { ...picture.settings, [join(common, 'config')]: picture.shared.config }
  const found: Steered[] = []
  for (const [file, text] of Object.entries(before)) {
    // Its folder is gone, and everything that it controlled.
    const others = othersSettings(common, runId, file)
    if (!existsSync(join(file, '..')) || (others.length === 0 && isSame(file, text))) continue
    const names = await steering(text ?? '', file, others)
    if (names === null || names.length > 0) found.push({ file, before: text, names, others })
  }
  return found
}

function isSame(file: string, before: string | null): boolean {
  const entry = lstatSync(file, { throwIfNoEntry: false })
  return entry ? entry.isFile() && textIn(file) === before : before === null
}

function textIn(file: string): string | null {
  const bytes = plainBytes(file)
  return bytes && textOf(bytes)
}

async function steering(before: string, file: string, others: OthersSetting[]): Promise<string[] | null> {
  const entry = lstatSync(file, { throwIfNoEntry: false })
  if (!entry) return before === '' ? [] : null
  if (!entry.isFile()) return null
  const text = textIn(file)
  if (text === null) return null
  const git = outside()
  const [were, are] = await Promise.all([settingsBefore(git, before, others), settingsIn(git, text)])
  if (were === null || are === null) return null
  const remotes = new Set([...were.keys()].flatMap(name => /^remote\.(.+)\.[^.]+$/.exec(name)?.[1] ?? []))
  return unlike(were, are).filter(name => !isGits(name, remotes))
}

/** Whether git's own commands write it in everyday work, and nothing is run by it. */
function isGits(name: string, remotes: Set<string>): boolean {
  if (name.startsWith('branch.')) return true
  if (name.startsWith('submodule.')) return !name.endsWith('.update')
  const remote = /^remote\.(.+)\.(?:url|fetch|pushurl|tagopt)$/.exec(name)
  return remote !== null && !remotes.has(remote[1]!)
}

async function putBack({ file, before, names, others }: Steered): Promise<void> {
  if (before !== null && names !== null && names.length <= MOST) {
    try {
      await oneByOne(file, before, names, others)
      return
    } catch {
      // A lock that a killed git has left, or a name that its command does not take.
    }
  }
  if (before === null) return rmSync(file, { force: true, recursive: true })
  if (lstatSync(file, { throwIfNoEntry: false })?.isDirectory()) renameSync(file, `${file}.replaced`)
  writeFileSync(`${file}.put-back`, bytesOf(before))
  renameSync(`${file}.put-back`, file)
  const left = others.length > 0 ? await steering(before, file, others) : []
  if (left && left.length > 0) await oneByOne(file, before, left, others)
}

async function oneByOne(file: string, before: string, names: string[], others: OthersSetting[]): Promise<void> {
  const git = outside()
  const were = await settingsBefore(git, before, others)
  for (const name of names) {
    const [first, ...more] = were?.get(name) ?? []
    if (first === undefined) await git.ask(['config', '--file', file, '--unset-all', name])
    else await git.run(['config', '--file', file, '--replace-all', name, first ?? 'true'])
    for (const value of more) await git.run(['config', '--file', file, '--add', name, value ?? 'true'])
  }
  const left = await steering(before, file, others)
  if (left === null || left.length > 0) throw new Error('not all could be put back')
}

/** Git in no repository, so that no setting of one counts. */
function outside(): Git {
  return openGit('/', { timeoutMs: LOOK_MS, env: { GIT_DIR: '/dev/null' } })
}
