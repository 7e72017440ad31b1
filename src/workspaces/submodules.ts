import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Git } from './git.ts'
import { readStatus, type Status } from './status.ts'

/** Fetches the submodules that are not there yet; those that are stay as they are. Answers with what went wrong, else null. */
export async function initSubmodules(git: Git): Promise<string | null> {
  if (!existsSync(join(git.cwd, '.gitmodules'))) return null
  try {
    const missing = (await git.run(['submodule', 'status'])).split('\n').filter(line => line.startsWith('-'))
    if (missing.length === 0) return null
    const paths = missing.map(line => line.slice(line.indexOf(' ') + 1))
    // Whether local paths may be cloned (`protocol.file.allow`) is for the user's own configuration to say.
    await git.run(['submodule', 'update', '--init', '--recursive', '--', ...paths], { slow: true, env: { GIT_LITERAL_PATHSPECS: '1' } })
    return null
  } catch (failure) {
    return `the submodules could not be initialised: ${(failure as Error).message}`
  }
}

/** The paths at which a checkout's index has a repository of its own. */
export async function nestedLinks(git: Git): Promise<string[]> {
  const entries = (await git.run(['ls-files', '-s', '-z'], { slow: true })).split('\0')
  return entries.filter(line => line.startsWith('160000 ')).map(line => line.slice(line.indexOf('\t') + 1))
}

/**
 * Repositories inside a checkout that hold work of their own, which no commit of the outer one keeps: uncommitted changes, or commits that are
 * on no remote. They would go with the worktree. `known`: the links of the index, for who has just read them.
 */
export async function nestedWork(git: Git, status: Status, known?: string[]): Promise<string[]> {
  const links = known ?? (await nestedLinks(git))
  const untracked = status.entries.filter(entry => entry.path.endsWith('/'))
  const folders = [...links, ...untracked.map(entry => entry.path.slice(0, -1))]
  const found: string[] = []
  for (const folder of folders) {
    const path = join(git.cwd, folder)
    if (!existsSync(join(path, '.git'))) continue
    const inner = git.at(path, { GIT_CEILING_DIRECTORIES: git.cwd })
    if (await hasWork(inner)) found.push(folder)
  }
  return found
}

async function hasWork(git: Git): Promise<boolean> {
  try {
    const status = await readStatus(git)
    if (status.entries.length > 0 || status.head === null) return true
    const own = await git.run(['rev-list', '-n1', 'HEAD', '--branches', '--not', '--remotes'])
    return own.trim() !== '' || (await nestedWork(git, status)).length > 0
  } catch {
    return true
  }
}
