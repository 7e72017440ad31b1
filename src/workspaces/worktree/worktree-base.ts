import { accessSync, constants, existsSync, lstatSync, statfsSync, statSync } from 'node:fs'
import { dirname, join, relative, resolve, sep } from 'node:path'
import { readIndex } from '../../git/checkout/index-flags.ts'
import { realPath } from '../../git/checkout/worktree-list.ts'
import type { Git } from '../../git/git.ts'
import type { Repository } from '../../git/repository.ts'
import { folderOf } from '../names.ts'
import type { Place } from '../place.ts'

/** The folder of a repository's worktrees in the state folder. */
const worktreesInState = (state: string, { commonDir, root }: Repository) => join(state, 'worktrees', folderOf(commonDir, root))

/** The folder of a repository's clones in the state folder. */
export const clonesInState = (state: string, { commonDir, root }: Repository) => join(state, 'clones', folderOf(commonDir, root))

/** The same place with a base in which worktrees can be made: the configured one, else one in the state folder. Touches nothing. */
export async function withUsableBase(place: Place): Promise<Place> {
  const { options, repository, git, state } = place
  const configured = resolve(repository.root, options.worktreeBase ?? '.worktrees')
  const fault = await baseFault(git, repository, configured)
  if (fault === null || state === null) return place
  const base = realPath(worktreesInState(state, repository))
  return { ...place, base, baseRemark: `${configured} cannot hold worktrees (${fault}), so they go to ${base}` }
}

/** Why a folder cannot hold worktrees, or null. */
async function baseFault(git: Git, repository: Repository, configured: string): Promise<string | null> {
  const within = relative(repository.root, configured)
  const isWithin = within !== '..' && !within.startsWith(`..${sep}`) && !repository.bare
  if (isWithin) {
    if (within === '') return 'it is the checkout itself'
    const fault = await faultWithin(git, repository.root, within)
    if (fault !== null) return fault
  }
  return faultOnDisk(configured)
}

/** The repository's content must not decide where agents work: no link of its own is followed, no folder of its own is hidden from git. */
async function faultWithin(git: Git, root: string, within: string): Promise<string | null> {
  const parts = within.split(sep)
  const above = parts.map((_, index) => join(root, ...parts.slice(0, index + 1)))
  const there = above.filter(path => lstatSync(path, { throwIfNoEntry: false }))
  if (there.length === 0) return null
  if (parts[0] === '.git') return 'it is in the git folder'
  const nested = there.find(path => existsSync(join(path, '.git')))
  if (nested) return `${nested} is a repository of its own`
  if (!(await readIndex(git)).tops.has(parts[0]!)) return null
  const tracked = await git.ask(['ls-files', '-z', '--', ...there.map(path => relative(root, path))], {
    env: { GIT_LITERAL_PATHSPECS: '1' },
  })
  const names = new Set((tracked ?? '').split('\0').filter(Boolean))
  const file = there.map(path => relative(root, path)).find(path => names.has(path))
  if (file) return `${file} is a file or link of the repository`
  const inside = [...names].find(name => name.startsWith(`${within}/`))
  return inside ? `${inside} is a file of the repository` : null
}

/** Only looks; if the disk refuses later, that is reported then. */
function faultOnDisk(configured: string): string | null {
  const entry = statSync(configured, { throwIfNoEntry: false })
  if (!entry && lstatSync(configured, { throwIfNoEntry: false })) return 'it is a link to nowhere'
  if (entry && !entry.isDirectory()) return 'it is not a folder'
  const there = nearest(configured)
  try {
    if (!statSync(there).isDirectory()) return `${there} is not a folder`
    accessSync(there, constants.W_OK | constants.X_OK)
    const { bavail, bfree, blocks } = statfsSync(there)
    return blocks > 0 && (process.getuid?.() === 0 ? bfree : bavail) === 0 ? 'its disk is full' : null
  } catch (failure) {
    const { code } = failure as NodeJS.ErrnoException
    return code === 'EROFS' ? 'it is on a read-only file system' : `${there} cannot be written to`
  }
}

function nearest(path: string): string {
  const entry = lstatSync(path, { throwIfNoEntry: false })
  return entry || dirname(path) === path ? path : nearest(dirname(path))
}
