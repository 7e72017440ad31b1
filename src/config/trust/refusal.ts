import { RunnerError } from '../../core/errors.ts'
import type { Config } from '../config.ts'
import { KEYS, type Key, SERVER_KEYS } from '../schema.ts'
import { sayWhere } from '../source.ts'

/** What a command uses: these settings, and whether it runs something of the repository (hooks, the agent). */
export interface Uses {
  keys: readonly Key[]
  runs: boolean
}

/** A runner: all but what is the server's. */
export const RUNNER: Uses = { keys: KEYS.filter(key => !SERVER_KEYS.includes(key)), runs: true }
/** The server, which runs nothing. */
export const SERVER: Uses = { keys: SERVER_KEYS, runs: false }
/** Where tasks come from. */
export const TASKS: Uses = { keys: ['tracker', 'apiUrl', 'apiKey', 'server', 'serverKey', 'serverKeyFile', 'project'], runs: false }
/** The board's database alone. */
export const DATABASE: Uses = { keys: ['database'], runs: false }
/** Where a server listens. */
export const ADDRESS: Uses = { keys: ['host', 'port'], runs: false }
/** Nothing that a repository could say. */
export const NOTHING: Uses = { keys: [], runs: false }
/** Both in one process. */
export const EVERYTHING: Uses = { keys: KEYS, runs: true }

/** An untrusted repository decides something about what the command would do. Nothing was done yet. */
export class UntrustedError extends RunnerError {
  readonly trust: Config['trust']

  constructor(message: string, trust: Config['trust']) {
    super('UNTRUSTED', message, {
      advice: `Look at these files, then: agent-runner trust ${trust.repo} (in CI, --trust does the same)`,
    })
    this.trust = trust
  }
}

/** Throws UNTRUSTED, with all that the repository asks for, when the command would use something of it that the user has not trusted. */
export function refuseUntrusted(config: Pick<Config, 'trust' | 'leftOut'>, uses: Uses): void {
  const { trust, leftOut } = config
  if (trust.state === 'none' || trust.state === 'trusted') return
  const wanted = leftOut.some(({ key }) => uses.keys.includes(key))
  // A trusted file that is gone may have been a check.
  const runs = uses.runs && (trust.says.some(({ key }) => key === null) || trust.state === 'changed')
  if (wanted || runs) throw new UntrustedError(askedFor(trust).join('\n'), trust)
}

/** What is wrong, and what the repository asks for, one line each. */
export const askedFor = (trust: Config['trust']): string[] =>
  // A name may hold a newline, and must not look like a line of ours.
  [headOf(trust), ...trust.says.map(({ text }) => `  ${text}`)].map(line => line.replaceAll(/[\r\n]+/g, ' '))

const MOST_NAMES = 20

/** The files that trust covers, in one line. */
export function coveredBy({ files }: Config['trust']): string {
  const names = Object.keys(files)
  const more = names.length > MOST_NAMES ? ` and ${names.length - MOST_NAMES} more` : ''
  return `${names.slice(0, MOST_NAMES).join(', ')}${more}`
}

/** What is wrong, in one line. */
export function headOf({ repo, state, changes, says, foreign, problem }: Config['trust']): string {
  const whose = foreign ? ` (${foreign.path} belongs to another user, uid ${foreign.uid})` : ''
  if (problem !== null) return `${repo}${whose} cannot be trusted: ${problem}; it asks for:`
  const why = state === 'changed' ? `has changed since you trusted it: ${changes.join('; ')}` : 'is not trusted'
  return `${repo}${whose} ${why}${says.length > 0 ? '; it asks for:' : ''}`
}

/** What was left out of a look, in one line; null when nothing was. */
export function leftOutOf({ trust, leftOut }: Pick<Config, 'trust' | 'leftOut'>): string | null {
  if (leftOut.length === 0) return null
  const names = leftOut.map(({ source }) => sayWhere(source))
  return `not used, because the repository is not trusted: ${names.join(', ')}; agent-runner trust ${trust.repo}`
}
