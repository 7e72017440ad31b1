import { chmodSync, copyFileSync, existsSync, lstatSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import * as z from 'zod'
import { RunnerError } from '../../core/errors.ts'
import { isNoRoom } from '../../git/full-disk.ts'
import type { Git } from '../../git/git.ts'
import { waitForGit } from '../../git/git-at-work.ts'
import { plainText } from '../../machine/files/plain-file.ts'
import type { Intent } from '../intent.ts'
import { safeRun } from '../kept/rescue.ts'
import { gitAt, type Place } from '../place.ts'
import { PATIENCE_MS } from '../worktree/worktree-repair.ts'
import { noteKnown } from './clone-return.ts'

/*
 * A clone is made beside its place, under a name that says so, and appears there by one rename. So a clone in its place is whole, and
 * what a kill leaves beside it holds nobody's work.
 */

/** The setting in a clone's git folder that says that it is ours, and from which repository. */
const MARK = 'agent-runner-clone.json'
const Mark = z.object({ version: z.literal(1), source: z.string() })

/** Only the clone's own settings: those of the repository come with the include, as in a worktree. */
const SETTINGS = ['core.bare=false', 'core.logAllRefUpdates=true', 'core.sparseCheckout=false']

/** The places where a run's clone is made, and where it goes before it is deleted. */
export const halfMade = (path: string, runId: string) => join(dirname(path), `.making-${safeRun(runId)}`)
export const halfGone = (path: string, runId: string) => join(dirname(path), `.going-${safeRun(runId)}`)

/** Whether a path is one of these two, of any run. */
export const isHalf = (path: string) => /^\.(?:making|going)-/.test(basename(path))

/** The git folder of the repository that a clone of ours was made from; null for anything else, also where its `.git` was replaced. */
export function sourceOf(path: string): string | null {
  try {
    if (!lstatSync(join(path, '.git')).isDirectory()) return null
    return Mark.parse(JSON.parse(plainText(join(path, '.git', MARK)) ?? ''), { jitless: true }).source
  } catch {
    return null
  }
}

/** Makes the chosen clone. Returns what a person should know. Repeating it after a kill begins anew. */
export async function makeClone(place: Place, choice: Intent): Promise<string[]> {
  const { repository, request, git } = place
  const making = halfMade(choice.path, request.runId)
  await waitForGit(making, PATIENCE_MS)
  rmSync(making, { recursive: true, force: true, maxRetries: 3 })
  mkdirSync(dirname(making), { recursive: true, mode: 0o700 })
  chmodSync(dirname(making), 0o700)
  const gitDir = join(making, '.git')
  await copyRepository(git, repository.commonDir, gitDir)
  const at = gitAt(place, making)
  await takeSettings(at, repository.commonDir, gitDir)
  await dropOurRefs(at)
  const head = `refs/heads/${choice.branch}`
  if (choice.base !== null) await at.run(['update-ref', head, choice.base])
  await at.run(['symbolic-ref', 'HEAD', head])
  const remarks = choice.base === null ? [] : await checkOut(at)
  await noteKnown(at, gitDir)
  writeFileSync(join(gitDir, MARK), JSON.stringify({ version: 1, source: repository.commonDir }))
  renameSync(making, choice.path)
  return remarks
}

/** All refs and objects, as files of its own: hard links where the disk can, so it is quick and outlives a clean-up of the repository. */
async function copyRepository(git: Git, commonDir: string, gitDir: string): Promise<void> {
  const clone = (how: string) =>
    git.run(['clone', '--quiet', '--mirror', how, '--template=', '--', commonDir, gitDir], {
      slow: true,
      config: ['protocol.file.allow=always'],
    })
  try {
    await clone('--local')
  } catch (failure) {
    if (isNoRoom(failure)) throw failure
    // git copies no folder of objects that contains a link; over its protocol it does.
    rmSync(gitDir, { recursive: true, force: true, maxRetries: 3 })
    await clone('--no-local')
  }
}

/** The settings, ignored paths and hooks that a worktree would have too. */
async function takeSettings(git: Git, commonDir: string, gitDir: string): Promise<void> {
  const file = join(gitDir, 'config')
  await git.ask(['config', '--file', file, '--remove-section', 'remote.origin'])
  const own = plainText(file) ?? ''
  // Put it first, so that the clone's own settings come later and count.
  writeFileSync(file, `[include]\n\tpath = "${join(commonDir, 'config').replace(/["\\]/g, '\\$&').replaceAll('\n', '\\n')}"\n${own}`)
  for (const line of SETTINGS) await git.run(['config', '--file', file, ...line.split('=')])
  if ((await git.ask(['config', '--get', 'core.hooksPath'])) === null)
    await git.run(['config', '--file', file, 'core.hooksPath', join(commonDir, 'hooks')])
  mkdirSync(join(gitDir, 'info'), { recursive: true })
  for (const name of ['exclude', 'attributes'])
    if (existsSync(join(commonDir, 'info', name))) copyFileSync(join(commonDir, 'info', name), join(gitDir, 'info', name))
}

/** Refs that the runner keeps for people, and the user's stash, are no part of the work. */
async function dropOurRefs(git: Git): Promise<void> {
  const refs = (await git.run(['for-each-ref', '--format=delete %(refname)', 'refs/agent-runner/', 'refs/stash'])).trim()
  if (refs) await git.run(['update-ref', '--stdin'], { input: `${refs}\n` })
}

/** Writes the files. Filters that cannot be run (of LFS, for example) are left out: then there are the files as git has them. */
async function checkOut(git: Git): Promise<string[]> {
  const reset = () => git.run(['reset', '--hard', '--quiet'], { slow: true, config: ['core.hooksPath=/dev/null'] })
  try {
    await reset()
    return []
  } catch (failure) {
    if (isNoRoom(failure)) throw failure
    const filters = await filtersOf(git)
    if (filters.length === 0) throw failure
    for (const name of filters) {
      for (const what of ['smudge', 'clean', 'process']) await git.run(['config', `filter.${name}.${what}`, ''])
      await git.run(['config', `filter.${name}.required`, 'false'])
    }
    await reset()
    return [`the filters ${filters.join(', ')} could not be run, so their files are there as git stores them`]
  }
}

async function filtersOf(git: Git): Promise<string[]> {
  const keys = (await git.ask(['config', '-z', '--name-only', '--get-regexp', '^filter\\..*\\.(smudge|clean|process)$'])) ?? ''
  return [...new Set(keys.split('\0').flatMap(key => /^filter\.(.+)\.\w+$/s.exec(key)?.[1] ?? []))]
}

/** Throws GIT_FAILED where clones have no place. */
export function noStateFolder(): RunnerError {
  return new RunnerError('GIT_FAILED', 'there is no state folder in which a clone could be made')
}
