import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { redact } from '../core/redaction.ts'
import { somePaths } from '../core/text/some-paths.ts'
import { lookInto } from '../git/checkout/foreign.ts'
import { readStatus, type Status } from '../git/checkout/status.ts'
import type { Git } from '../git/git.ts'
import { hiddenFiles } from './hidden-files.ts'
import { whyNotTrusted } from './known-submodules.ts'

/** Fetches missing submodules; existing ones stay as they are. Returns what went wrong, else null. */
export async function initSubmodules(git: Git): Promise<string | null> {
  if (!existsSync(join(git.cwd, '.gitmodules'))) return null
  try {
    const missing = (await git.run(['submodule', 'status'], NO_HOOKS)).split('\n').filter(line => line.startsWith('-'))
    if (missing.length === 0) return null
    const names = await submoduleNames(git)
    const paths: string[] = []
    const refusals: string[] = []
    for (const path of missing.map(line => line.slice(line.indexOf(' ') + 1))) {
      const why = await whyNotTrusted(git, names.get(path) ?? path)
      if (why === null) paths.push(path)
      else refusals.push(`${path}: ${why}`)
    }
    // The user's own configuration decides whether local paths may be cloned (`protocol.file.allow`).
    const how = { ...NO_HOOKS, hooks: true, env: { GIT_LITERAL_PATHSPECS: '1' } }
    if (paths.length > 0) await git.run(['submodule', 'update', '--init', '--recursive', '--', ...paths], how)
    return refusals.length === 0 ? null : `not all submodules could be initialised: ${refusals.join('; ')}`
  } catch (failure) {
    return `the submodules could not be initialised: ${(failure as Error).message}`
  }
}

/** The hooks of a submodule may be an agent's. */
const NO_HOOKS = { config: ['core.hooksPath=/dev/null'] }

/** Those of the index's links that no `.gitmodules` names. */
export async function strayLinks(git: Git, { links }: Status): Promise<string[]> {
  const submodules = links.length > 0 ? await submodulePaths(git) : new Set()
  return links.filter(path => !submodules.has(path))
}

/** Says which of the links that commits brought lead nowhere for whoever clones: no `.gitmodules` names them. */
export async function tellLinks(git: Git, links: string[]): Promise<string[]> {
  if (links.length === 0) return []
  const submodules = await submodulePaths(git)
  const dead = links.filter(path => !submodules.has(path))
  if (dead.length === 0) return []
  return [`The commits hold ${somePaths(dead)} only as a link to a repository of its own: what is in it is in no commit here.`]
}

/** The repositories in a checkout that git knows nothing of. */
export function untrackedRepositories(status: Status): string[] {
  return status.entries.filter(entry => entry.path.endsWith('/')).map(entry => entry.path.slice(0, -1))
}

/** The paths that the checkout's `.gitmodules` names: links there can be followed by whoever clones. */
export async function submodulePaths(git: Git): Promise<Set<string>> {
  return new Set((await submoduleNames(git)).keys())
}

/** The names of submodules, by their paths. */
async function submoduleNames(git: Git): Promise<Map<string, string>> {
  if (!existsSync(join(git.cwd, '.gitmodules'))) return new Map()
  const lines = await git.names(['config', '-z', '--file', '.gitmodules', '--get-regexp', '^submodule\\..*\\.path$']).catch(() => [])
  return new Map(
    lines.map(line => {
      const [key, path] = [line.slice(0, line.indexOf('\n')), line.slice(line.indexOf('\n') + 1)]
      return [path, key.slice('submodule.'.length, -'.path'.length)]
    }),
  )
}

/**
 * The repositories inside a checkout that hold work which no commit of the outer one keeps: uncommitted changes, ignored files, or
 * commits that are on no remote. They would go with the worktree.
 */
export async function nestedWork(git: Git, repositories: string[]): Promise<string[]> {
  const found: string[] = []
  for (const folder of new Set(repositories)) {
    if (existsSync(join(git.cwd, folder, '.git')) && (await hasWork(git, folder))) found.push(folder)
  }
  return found
}

/** Repositories inside a checkout for a sentence, each with where it was cloned from. */
export async function withSources(git: Git, repositories: string[]): Promise<string[]> {
  return await Promise.all(
    repositories.map(async folder => {
      const inner = await lookInto(git, folder).catch(() => null)
      const urls = await inner?.ask(['config', '--get-regexp', '^remote\\..*\\.url$'])
      const url = urls?.split('\n')[0]?.replace(/^\S+ /, '')
      return url ? `${folder} (from ${redact(url)})` : folder
    }),
  )
}

/** A repository that cannot be read counts as work. */
async function hasWork(outer: Git, folder: string): Promise<boolean> {
  try {
    const git = await lookInto(outer, folder)
    const status = await readStatus(git, { ignored: true })
    if (status.entries.length > 0 || status.head === null) return true
    const { files, incomplete } = await hiddenFiles(git.cwd, status.ignored)
    if (files.size > 0 || incomplete) return true
    // The logs also know what was stashed, tagged or left on no branch.
    const own = await git.run(['rev-list', '-n1', 'HEAD', '--branches', '--reflog', '--not', '--remotes'])
    return own.trim() !== '' || (await nestedWork(git, status.links)).length > 0
  } catch {
    return true
  }
}
