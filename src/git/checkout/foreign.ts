import { join } from 'node:path'
import { RunnerError } from '../../core/errors.ts'
import { waitingAtTop, waitingIn } from '../../machine/files/waiting-files.ts'
import type { Git } from '../git.ts'
import { commonOf, gitFolderOf } from '../repository.ts'

/*
 * A repository inside a checkout may come from anybody: an agent may have made it, with settings that make git run a program. The runner
 * looks into it only by this git, which starts no program of the repository: no filter, no monitor, no hook, and no transport for a
 * missing object.
 */

/** The environment of a git that runs no hook. */
export const withoutHooks = () => asEnvironment(['core.hooksPath=/dev/null'])

const NO_COMMANDS = ['core.hooksPath=/dev/null', 'core.fsmonitor=false', 'diff.ignoreSubmodules=dirty', 'log.showSignature=false']
/** Do not fetch missing objects: a remote may be a command. */
const NO_FETCH = { GIT_ALLOW_PROTOCOL: '', GIT_NO_LAZY_FETCH: '1' }

/**
 * Git for looking into a repository inside the checkout of `git`. Throws GIT_FAILED for a repository that git cannot read, or only with a
 * program that it names.
 */
export async function lookInto(git: Git, folder: string): Promise<Git> {
  const path = join(git.cwd, folder)
  const gitDir = gitFolderOf(path)
  const common = gitDir && commonOf(gitDir)
  if (!gitDir || !common) throw new RunnerError('GIT_FAILED', `the git folder of ${path} is not there`)
  const waiting = waitingIn(gitDir) ?? waitingIn(common) ?? waitingAtTop(path)
  if (waiting !== null) throw new RunnerError('GIT_FAILED', waiting)
  const bare = { GIT_CEILING_DIRECTORIES: git.cwd, ...NO_FETCH }
  const settings = [...NO_COMMANDS, ...(await ownFilters(git.at(path, bare))).flatMap(withoutFilter)]
  return git.at(path, { ...bare, ...asEnvironment(settings) })
}

/** The filters that the repository's own settings name, by whatever they include. The user's own, of all repositories, run. */
async function ownFilters(git: Git): Promise<string[]> {
  const pieces = await git.names(['config', '--list', '--includes', '--show-scope', '--name-only', '-z'])
  const own = pieces.filter((_, at) => at % 2 === 1 && (pieces[at - 1] === 'local' || pieces[at - 1] === 'worktree'))
  return [...new Set(own.flatMap(name => /^filter\.(.+)\.[^.]+$/s.exec(name)?.[1] ?? []))]
}

function withoutFilter(name: string): string[] {
  // A name that is no text does not come back to git as it was.
  if (!name.isWellFormed()) throw new RunnerError('GIT_FAILED', 'a filter has a name that is no UTF-8')
  return [`filter.${name}.clean=`, `filter.${name}.smudge=`, `filter.${name}.process=`, `filter.${name}.required=false`]
}

/** Settings as git takes them from its environment, where a name may hold any sign. */
function asEnvironment(settings: string[]): Record<string, string> {
  const entries = settings.flatMap((setting, n) => {
    const at = setting.lastIndexOf('=')
    return [
      [`GIT_CONFIG_KEY_${n}`, setting.slice(0, at)],
      [`GIT_CONFIG_VALUE_${n}`, setting.slice(at + 1)],
    ]
  })
  return { GIT_CONFIG_COUNT: String(settings.length), ...Object.fromEntries(entries) }
}
