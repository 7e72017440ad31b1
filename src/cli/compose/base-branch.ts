import type { Config } from '../../config/config.ts'
import { sayProblem } from '../../config/source.ts'
import { RunnerError } from '../../core/errors.ts'

/**
 * Throws USAGE or CONFIG_INVALID when a base branch is configured that the repository does not have: with a mistyped name every major
 * task would be given back. The task reports what git itself cannot do now.
 */
export async function refuseMissingBaseBranch({ values, sources }: Config): Promise<void> {
  const { baseBranch, repo } = values
  if (baseBranch === null) return
  const { openGit } = await import('../../git/git.ts')
  const { findRepository } = await import('../../git/repository.ts')
  const { configuredBase } = await import('../../git/refs/base-commit.ts')
  const git = openGit(repo, { timeoutMs: 60_000 })
  const isThere = async () => (await findRepository(git)) === null || (await configuredBase(git, baseBranch)) !== null
  if (await isThere().catch(() => true)) return
  const { kind, message } = sayProblem(sources.baseBranch, baseBranch, `there is no such branch in ${repo}`)
  throw new RunnerError(kind === 'flag' ? 'USAGE' : 'CONFIG_INVALID', message, { advice: 'Name a branch that is there, or fetch it.' })
}
