import { accessSync, constants } from 'node:fs'
import { ERRORS } from '../../core/errors.ts'
import { askGit } from '../../machine/process/ask-git.ts'
import { type Check, type Finding, fail, ok, warn } from './check.ts'

/** The oldest git that has everything that the runner uses: `status --no-renames`. */
const OLDEST = [2, 18] as const

/** The git program: it is there, and new enough for worktrees and everything else that is used. */
export const git: Check = {
  name: 'git',
  async examine({ env, signal }) {
    const asked = await askGit({ need: 'probe', ours: env, signal, timeoutMs: 10_000 })
    const version = await asked.version().catch((error: Error) => error)
    if (version instanceof Error) return fail(ERRORS.GIT_FAILED, `git does not tell its version: ${version.message.trim()}`, 'Install git.')
    if (!version.installed) return fail(ERRORS.GIT_FAILED, 'git was not found on PATH', 'Install git.')
    const { major, minor } = version
    const isOld = major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1])
    if (isOld) return fail(ERRORS.GIT_FAILED, `git version ${version} is too old`, `Install git ${OLDEST.join('.')} or newer.`)
    return ok(`git version ${version}, with worktrees`)
  },
}

/** Where tasks would work now, found by planning one of each kind. */
export const repository: Check = {
  name: 'repository',
  async examine({ config: { values }, tools }) {
    try {
      accessSync(values.repo, constants.W_OK | constants.X_OK)
    } catch {
      return fail(
        ERRORS.GIT_FAILED,
        `${values.repo} cannot be written to`,
        'Run as the user to whom it belongs, or name another with --repo.',
      )
    }
    await tools.refuseMissingBaseBranch()
    const [minor, major] = [await tools.planWorkspace('minor'), await tools.planWorkspace('major')]
    const remarks = [...new Set([minor.remark, major.remark])].filter(remark => remark !== null)
    if (remarks.length > 0) return obstacles(remarks, { minor: minor.remark, major: major.remark })
    return ok(`${values.repo} on ${minor.branch ?? 'a detached HEAD'}; minor tasks in place, major ones in ${values.worktreeBase}`)
  },
}

function obstacles(remarks: string[], { minor, major }: { minor: string | null; major: string | null }): Finding {
  const whose = minor !== null && major !== null ? '' : minor !== null ? 'minor tasks: ' : 'major tasks: '
  return warn(
    whose + remarks.join('; '),
    whose === ''
      ? 'Such tasks work in place or are given back, as onWorktreeFailure says.'
      : `Mend it, or let the runner take other tasks only.`,
  )
}
