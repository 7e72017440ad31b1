import { ENDS } from '../../core/ends.ts'
import { ERRORS } from '../../core/errors.ts'
import { crowd } from '../../machine/limits/crowd.ts'
import { type Check, type Examination, type Finding, fail, ok, warn } from './check.ts'

/** The agent CLI: there, of a version that was tried, logged in. One check each, from one look. */
export function agentChecks(): Check[] {
  let look: Promise<Look> | undefined
  const looked = (examination: Examination) => {
    look ??= lookAt(examination)
    return look
  }
  return [
    { name: 'claude', examine: async examination => found(await looked(examination)) },
    { name: 'claude version', examine: async examination => versionOf(await looked(examination)) },
    { name: 'claude login', examine: async examination => login(await looked(examination)) },
    root,
    many,
  ]
}

type Look = { path: string; probe: Awaited<ReturnType<Examination['tools']['probeAgent']>> } | null

async function lookAt({ tools }: Examination): Promise<Look> {
  const path = await tools.findAgent()
  return path === null ? null : { path, probe: await tools.probeAgent(path) }
}

function found(look: Look): Finding {
  if (look === null) return fail(ERRORS.AGENT_CLI_MISSING, 'not found on PATH or in the usual places')
  if (look.probe.version === null) return fail(ERRORS.AGENT_CLI_MISSING, `${look.path} does not tell its version: ${look.probe.how}`)
  return ok(look.path)
}

function versionOf(look: Look): Finding {
  if (!look?.probe.version) return warn('not known', '')
  const { version, inTriedRange, triedRange } = look.probe
  if (inTriedRange) return ok(version)
  return warn(
    `${version} was not tried with this runner; ${triedRange} was`,
    'Try one task by hand first (--single-task), or install a version of that range.',
  )
}

function login(look: Look): Finding {
  if (!look?.probe.version) return warn('not known', '')
  const { loggedIn, how } = look.probe
  if (loggedIn === 'yes') return ok(`logged in (${how})`)
  if (loggedIn === 'unknown') return warn(`not known: ${how}`, 'Run `claude` once by hand.')
  return fail(ENDS.not_logged_in, 'not logged in')
}

/** Reports agents that nobody ended, or more than the machine can bear. */
const many: Check = {
  name: 'claude processes',
  async examine({ tools }) {
    const path = await tools.findAgent().catch(() => null)
    const said = path && crowd(path)
    return said ? warn(said, 'Look at them with `ps`; `agent-runner status` shows which runs are under work.') : ok('not many')
  },
}

/** The CLI refuses --dangerously-skip-permissions for root unless it is told that it is in a sandbox. */
const root: Check = {
  name: 'root',
  examine({ config: { values }, env }) {
    const isRoot = process.getuid?.() === 0
    if (!isRoot) return ok('not root')
    if (values.permissionMode !== 'skip' && values.permissionMode !== 'bypassPermissions')
      return ok(`root, with permission mode ${values.permissionMode}`)
    if (env.IS_SANDBOX === '1') return ok('root, in a sandbox (IS_SANDBOX=1)')
    return fail(
      ENDS.cli_missing,
      'this is root, for whom claude refuses to skip permissions',
      'Run as a user of its own, or, where the machine is a throwaway sandbox, set IS_SANDBOX=1.',
    )
  },
}
