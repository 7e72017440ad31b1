import type { Config } from '../../config/config.ts'
import { roleInstructions } from '../../config/roles/role-instructions.ts'
import { sayWhere } from '../../config/source.ts'
import { trackerChoice } from '../../config/tracker-choice.ts'
import { headOf } from '../../config/trust/refusal.ts'
import { ERRORS } from '../../core/errors.ts'
import { SHORTEST_SECRET } from '../../core/redaction.ts'
import { serverKeyOf } from '../compose/server-key.ts'
import { type Check, fail, ok, warn } from './check.ts'

/** The configuration has loaded already. This check reports what should not be in it, or what a run lacks. */
export const configuration: Check = {
  name: 'configuration',
  examine({ config: { values, sources, files, warnings } }) {
    if (sources.apiKey.kind === 'project')
      return warn(
        `the key of the PM server stands in ${sayWhere(sources.apiKey)}, which git may carry`,
        'Move it: `agent-runner config set apiKey -`',
      )
    const missing = (['role', 'agentId'] as const).filter(key => values[key] === null)
    if (missing.length > 0) {
      const flags = missing.map(key => (key === 'role' ? '--role' : '--agent-id'))
      return fail(
        ERRORS.USAGE,
        `valid, but a run needs ${flags.join(' and ')} too`,
        'Give them to `agent-runner`, or write them down with `agent-runner init`.',
      )
    }
    if (warnings.length > 0) return warn(warnings.join('; '), 'Settings can stand in agent-runner.yaml, or in the environment.')
    const read = [files.project, files.dotenv, Object.values(sources).some(source => source.kind === 'user') ? files.user : null]
    return ok(`valid; files: ${read.filter(Boolean).join(', ') || 'none'}`)
  },
}

/**
 * Whether the repository asks for more than what is free, and whether its user has trusted it. A run in an untrusted one would not even
 * get here.
 */
export const trust: Check = {
  name: 'trust',
  examine({ config: { trust } }) {
    if (trust.state === 'none') return ok('the repository asks for nothing that needs it')
    if (trust.state === 'trusted') return ok(`${trust.repo} is trusted with: ${trust.says.map(({ text }) => text).join('; ')}`)
    return warn(headOf(trust), `agent-runner trust ${trust.repo}`)
  },
}

/** One runner per agent id: a second one would not start. */
export const agentId: Check = {
  name: 'agent id',
  async examine({ config: { values } }) {
    if (values.agentId === null) return ok('not given')
    const { guardHolder } = await import('../../machine/locks/agent-guard.ts')
    const holder = guardHolder(values.home, values.agentId)
    if (!holder) return ok(`${values.agentId} is free on this machine`)
    return fail(ERRORS.AGENT_BUSY, `${values.agentId} is in use by process ${holder.process.pid} since ${holder.since}`)
  },
}

/** Which instructions the role gets. */
export const role: Check = {
  name: 'role',
  examine({ config }) {
    const name = config.values.role
    if (name === null) return ok('not given')
    return ok(`${name}, with ${roleInstructions(config, name).path ?? 'the built-in instructions'}`)
  },
}

/** The key for the server: whether there is one, where it comes from, and whether it is long enough. */
export const key: Check = {
  name: 'key',
  examine({ config }) {
    const { tracker } = trackerChoice(config)
    if (tracker === 'embedded') return ok('none needed: the board is embedded')
    if (tracker === 'control-plane') return serverKey(config)
    if (config.values.apiKey !== null) return strong(config.values.apiKey, sayWhere(config.sources.apiKey))
    return warn('there is no key for the PM server', 'Set HEADLESS_PM_API_KEY, or `agent-runner config set apiKey -`.')
  },
}

/**
 * A control plane of the same state folder on this machine needs no configured key. The check of the tracker finds out whether this is
 * one.
 */
function serverKey({ values, sources }: Config) {
  const source = values.serverKey !== null ? sources.serverKey : values.serverKeyFile !== null ? sources.serverKeyFile : null
  if (source === null) return ok('none given: the control plane must be one of your own on this machine')
  if (source.kind === 'flag' && values.serverKey !== null)
    return warn(
      'the key stands on the command line, which other users of this machine can read',
      'Use --key-file or HEADLESS_PM_SERVER_KEY.',
    )
  return strong(serverKeyOf(values) ?? '', sayWhere(source))
}

/** A key must be long enough to differ from a word; otherwise it is not removed from what leaves the machine. */
function strong(value: string, where: string) {
  if (value.length >= SHORTEST_SECRET) return ok(`from ${where}`)
  const says = `from ${where}, with fewer than ${SHORTEST_SECRET} characters: easy to guess, and not taken out of logs and notes`
  return warn(says, 'Use a longer key, at the server and here.')
}
