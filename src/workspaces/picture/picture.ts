import { existsSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as z from 'zod'
import type { WorkspaceRecord } from '../../core/run.ts'
import { flagsOf } from '../../git/checkout/index-flags.ts'
import { readStatus, type Status } from '../../git/checkout/status.ts'
import { worktreesIn } from '../../git/checkout/worktree-list.ts'
import { textOf } from '../../git/file-names.ts'
import { readRefs } from '../../git/refs/ref-picture.ts'
import { gitFolderOf, type Repository } from '../../git/repository.ts'
import { emptyTree, indexChanges } from '../../git/trees/trees.ts'
import { plainBytes, plainText } from '../../machine/files/plain-file.ts'
import { hiddenFiles, stampAt } from '../hidden-files.ts'
import { readIntent } from '../intent.ts'
import { gitAt, ownFolders, type Place } from '../place.ts'
import { runFile, runsWith } from '../run-files.ts'
import { printsIn, readShared } from './shared-files.ts'
import { hooksOutside, Moved, SteeringFiles, seeSteering } from './steering-files.ts'

/** Texts by name. Checked in one go: a repository may have thousands of branches, and zod's own records take 5 ms for each thousand. */
const stamps = z.custom<Record<string, string>>(
  value =>
    value !== null && typeof value === 'object' && !Array.isArray(value) && Object.values(value).every(text => typeof text === 'string'),
)

const Checkout = z.object({
  head: z.string().nullable(),
  branch: z.string().nullable(),
  /** What differs from HEAD, and what is ignored: path → stamp. */
  changed: stamps,
  ignored: stamps,
})

const side = z.object({ mode: z.string(), sha: z.string() }).nullable()

const Picture = z.object({
  version: z.literal(1),
  /** In place: what the user had staged. */
  staged: z.array(z.object({ path: z.string(), before: side, now: side })),
  /** In place: those of them of which the user had staged the name alone (`git add -N`). Older pictures have none. */
  intended: z.array(z.string()).optional(),
  /** In place: the user's flags of the index (`index-flags.ts`), by path. Older pictures have none. */
  flags: stamps.optional(),
  /** The agent's checkout. What is in it here is not the run's; null when that cannot be told. */
  workspace: Checkout.nullable(),
  /** The repository's own checkout, when the agent works elsewhere. */
  main: Checkout.nullable(),
  branches: stamps,
  /** Tags and replacements, by their full names. Older pictures have none. */
  tags: stamps.optional(),
  /** The folders of all worktrees. */
  worktrees: z.array(z.string()).optional(),
  /** The commits of `git stash`, the latest first. */
  stash: z.array(z.string()),
  /** Configuration and hooks that all checkouts share. */
  shared: z.object({ config: z.string(), files: stamps }),
  /** The text of each further file of settings that git reads in the workspace; null where there is none. */
  settings: z.record(z.string(), z.string().nullable()).optional(),
  /** What in the git folders git runs or goes by, with its content. Older pictures have none. */
  steering: SteeringFiles.optional(),
  /** The hooks that git runs from a folder outside of the repository. */
  outside: z.object({ folder: z.string(), files: stamps }).nullable().optional(),
  /** What of it is being put back at this moment. */
  moving: z.array(Moved).optional(),
  /** What was put back after the agent, as sentences. */
  putBack: z.array(z.string()).optional(),
})

/** A repository as it was before the agent began: anything that is not in it, or that differs, came while the agent worked. */
export type Picture = z.infer<typeof Picture>
export type CheckoutPicture = z.infer<typeof Checkout>

const fileIn = (commonDir: string, runId: string) => runFile(commonDir, runId, '.before.json')
const fileOf = ({ repository, request }: Place) => fileIn(repository.commonDir, request.runId)

/** The run's picture; null when there is none that can be read. */
export function readPicture({ repository, request }: Place): Picture | null {
  return pictureAt(repository.commonDir, request.runId)
}

/** The same by the git folder, without opening the repository. */
export function pictureAt(commonDir: string, runId: string): Picture | null {
  try {
    return Picture.parse(JSON.parse(plainText(fileIn(commonDir, runId)) ?? ''), { jitless: true })
  } catch {
    return null
  }
}

/** The refs that held commits before the agent began, which are not the run's. Null where the picture does not show all of them. */
export function knownCommits({ branches, tags, stash }: Picture): string[] | null {
  return tags === undefined ? null : [...new Set([...Object.values(branches), ...Object.values(tags), ...stash])]
}

/** Notes something in the picture that is there. */
export function changePicture(commonDir: string, runId: string, change: (picture: Picture) => Picture): void {
  const picture = pictureAt(commonDir, runId)
  if (picture) write(fileIn(commonDir, runId), change(picture))
}

/**
 * Makes the report contain a sentence (instead of another one), even if a kill comes before the report. Returns the sentence where there
 * is no picture to keep it.
 */
export function noteInPicture({ repository, request }: Place, sentence: string | null, instead?: string): string[] {
  const said = sentence === null ? [] : [sentence]
  if (pictureAt(repository.commonDir, request.runId) === null) return said
  changePicture(repository.commonDir, request.runId, picture => {
    const others = (picture.putBack ?? []).filter(one => one !== instead && one !== sentence)
    return { ...picture, putBack: [...others, ...said] }
  })
  return []
}

function write(file: string, picture: Picture): void {
  writeFileSync(`${file}.new`, JSON.stringify(picture), { mode: 0o600 })
  renameSync(`${file}.new`, file)
}

/** Returns, for an ignored file of the workspace and its stamp, whether it was there before the agent began and is unchanged. */
export function knownBefore(place: Place): (path: string, stamp: string) => boolean {
  const before = readPicture(place)?.workspace?.ignored ?? {}
  return (path, stamp) => before[path] === stamp
}

/** What was changed in the workspace before the agent began, by path and stamp. */
export function changedBefore(place: Place): Record<string, string> {
  return readPicture(place)?.workspace?.changed ?? {}
}

/** What other runs note beside a run's picture while it is there. */
export const othersFileOf = (commonDir: string, runId: string) => `${fileIn(commonDir, runId)}.others`

/** The files of the pictures of all other runs in a git folder, each with what is noted beside it. */
export function otherPictures(commonDir: string, exceptRun: string): { picture: string; others: string }[] {
  const runs = runsWith(commonDir, '.before.json', exceptRun)
  return runs.map(run => ({ picture: fileIn(commonDir, run), others: othersFileOf(commonDir, run) }))
}

/** Forgets the run's picture. */
export function dropPicture(place: Place): void {
  for (const suffix of ['', '.new', '.others']) rmSync(fileOf(place) + suffix, { force: true })
}

/** What a picture shows of the repository around the workspace. */
type Around = Omit<
  Picture,
  'version' | 'workspace' | 'staged' | 'intended' | 'flags' | 'settings' | 'steering' | 'outside' | 'moving' | 'putBack'
>

/**
 * Looks at the repository around a worktree that is about to be made; null when the run has its picture, since the agent may have begun.
 * Pass the result to `takePicture` to save its time.
 */
export async function lookAround(place: Place, inPlace = false): Promise<Around | null> {
  if (readPicture(place) !== null) return null
  const { repository, git } = place
  const [main, refs] = await Promise.all([
    // If git cannot tell (a filter is missing), the task is not to blame.
    inPlace || repository.bare ? null : seeCheckout(place, repository.root).catch(() => null),
    readRefs(git, repository),
  ])
  return { main, ...refs, shared: readShared(repository), worktrees: worktreesIn(repository.commonDir).map(({ path }) => path) }
}

/**
 * Takes the run's picture before the agent begins, and keeps it in the git folder. An existing one stays. It survives every kill; without
 * one, after a power cut, everything in the workspace counts as the run's. `status`: the workspace's status, if the caller has just read
 * it.
 */
export async function takePicture(place: Place, workspace: WorkspaceRecord, around: Around | null, status?: Status): Promise<void> {
  if (around === null) return
  const own = await seeWorkspace(place, workspace, status)
  const staged = workspace.dirtyAtStart.length > 0 ? await indexChanges(place.git, workspace.base ?? (await emptyTree(place.git))) : []
  const look = () => seeSteering(place.repository, workspace.kind === 'clone' ? workspace.path : null)
  const picture: Picture = {
    version: 1,
    workspace: own,
    staged,
    intended: (status?.entries ?? []).filter(entry => entry.intended).map(entry => entry.path),
    flags: flagsOf(status?.flagged ?? []),
    ...around,
    settings: furtherSettings(place, workspace),
    steering: look(),
    outside: seeOutside(hooksOutside(place.repository, workspace.path)),
  }
  write(fileOf(place), picture)
  // A run that ends puts files back and then notes it for all whose pictures are there; one that was taken in between would miss it.
  const again = { steering: look(), shared: readShared(place.repository) }
  if (JSON.stringify(again) !== JSON.stringify({ steering: picture.steering, shared: picture.shared }))
    write(fileOf(place), { ...picture, ...again })
}

/** The hooks in a folder outside of the repository. */
export const seeOutside = (folder: string | null) => (folder === null ? null : { folder, files: printsIn(folder) })

/** The settings of a clone, and of one checkout alone. Settings of all checkouts are among the shared files. */
function furtherSettings({ repository }: Place, { path }: WorkspaceRecord): Record<string, string | null> {
  const own = gitFolderOf(path)
  const folders = [...new Set([repository.commonDir, ...(own ? [own] : [])])]
  const files = folders.flatMap(folder => ['config', 'config.worktree'].map(name => join(folder, name)))
  const text = (file: string) => {
    const bytes = plainBytes(file)
    return bytes && textOf(bytes)
  }
  return Object.fromEntries(files.filter(file => file !== join(repository.commonDir, 'config')).map(file => [file, text(file)]))
}

async function seeWorkspace(place: Place, { path, kind }: WorkspaceRecord, status?: Status): Promise<CheckoutPicture | null> {
  const { repository, request } = place
  if (kind === 'in-place') return await seeCheckout(place, path, status)
  // In a worktree in which somebody worked before, everything uncommitted is work. The same holds for a new one in which only git has
  // written.
  const isNew = readIntent(repository.commonDir, request.runId)?.path === path
  return isNew && mayBeTouched(repository, path) ? await seeCheckout(place, path) : null
}

/** Whether a worktree that git has just made can hold what git did not write, or not as it is committed. */
function mayBeTouched({ hooks, commonDir }: Repository, path: string): boolean {
  return existsSync(join(hooks, 'post-checkout')) || existsSync(join(path, '.gitmodules')) || statSync(path).dev !== statSync(commonDir).dev
}

/** The content of a checkout that is not in its HEAD. Build caches, and ignored files beyond some ten thousand, are left out. */
export async function seeCheckout(place: Place, path: string, known?: Status): Promise<CheckoutPicture> {
  const status = known ?? (await readStatus(gitAt(place, path), { ignored: true }))
  const ours = ownFolders(place)
    .map(folder => `${folder}/`)
    .filter(folder => folder.startsWith(`${path}/`))
  const isOurs = (name: string) => ours.some(folder => `${path}/${name}`.startsWith(folder))
  const changed: Record<string, string> = {}
  for (const entry of status.entries) if (!isOurs(entry.path)) changed[entry.path] = stampAt(path, entry.path)
  const { files } = await hiddenFiles(
    path,
    status.ignored.filter(name => !isOurs(name)),
  )
  return { head: status.head, branch: status.branch, changed, ignored: Object.fromEntries(files) }
}

/** The paths that are new, or not as they were. */
export function differences(before: Record<string, string>, now: Record<string, string>): string[] {
  return Object.keys(now).filter(path => before[path] !== now[path])
}
