import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { somePaths } from '../../core/text/some-paths.ts'
import { readStatus } from '../../git/checkout/status.ts'
import { realPath, worktreesIn } from '../../git/checkout/worktree-list.ts'
import { asGitFailure } from '../../git/failures.ts'
import { commonOf, gitFolderOf } from '../../git/repository.ts'
import { waitingAtTop, waitingIn } from '../../machine/files/waiting-files.ts'
import { keepLooseCommits } from '../checkout-state.ts'
import { keepCheckout } from '../kept/keep-checkout.ts'
import { gitAt, type Place } from '../place.ts'

type Worktree = ReturnType<typeof worktreesIn>[number]

/** Worktrees beyond this number are named, but not looked into. */
const MOST = 10

/**
 * The worktrees of a repository that are not among `known`, as sentences; `how` says how they came. They stay where they are; what in them
 * is uncommitted or on no branch is kept under `refs/agent-runner/` as well. Repeating it says and keeps the same.
 */
export async function tellWorktrees(place: Place, known: Set<string>, how: string): Promise<string[]> {
  const came = worktreesIn(place.repository.commonDir).filter(({ path }) => !known.has(path))
  const remarks: string[] = []
  for (const worktree of came.slice(0, MOST)) remarks.push(`The worktree ${shown(worktree)} ${how}${await contentOf(place, worktree)}.`)
  const more = came.slice(MOST)
  if (more.length > 0) remarks.push(`${more.length} more worktrees ${how}, and were not looked into: ${somePaths(more.map(shown))}.`)
  return remarks
}

const shown = ({ path, branch }: Worktree) => `${path} (${branch === null ? 'on no branch' : `on ${branch}`})`

async function contentOf(place: Place, { path, admin }: Worktree): Promise<string> {
  if (!existsSync(path)) return ', and its folder is gone'
  // Settings of its own, or a `.git` that leads elsewhere, could run any program of the agent's.
  const isOurs = gitFolderOf(path) === realPath(admin) && commonOf(admin) === place.repository.commonDir
  const waiting = waitingIn(admin) ?? waitingAtTop(path)
  if (waiting !== null) return `, and was not looked into: ${waiting}`
  if (existsSync(join(admin, 'config.worktree')) || !isOurs) return ', and was not looked into, since git has other settings there'
  try {
    const git = gitAt(place, path)
    const status = await readStatus(git, { ignored: true })
    const kept = await keepCheckout(place, admin, path, status, () => false)
    const loose = await keepLooseCommits(git, admin, place.request.runId, status, null)
    const open = [...status.entries.map(entry => entry.path), ...kept.ignored]
    const said: string[] = []
    if (open.length > 0)
      said.push(`${somePaths(open)} ${open.length === 1 ? 'is' : 'are'} in no commit${kept.ref ? ` but kept in ${kept.ref}` : ''}`)
    if (loose.length > 0) said.push(`its commits are on no branch but kept in ${somePaths(loose)}`)
    if (kept.obstacle) said.push(kept.obstacle)
    return said.length > 0 ? `: ${said.join('; ')}` : ', and has nothing uncommitted'
  } catch (failure) {
    return `, and git cannot read it: ${asGitFailure(failure).message}`
  }
}
