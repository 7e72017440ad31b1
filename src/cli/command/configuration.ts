import type { Config } from '../../config/config.ts'
import { loadConfig, readConfig, refuse } from '../../config/load.ts'
import { askedFor, coveredBy, leftOutOf, UntrustedError, type Uses } from '../../config/trust/refusal.ts'
import { recordTrust, revokeTrust } from '../../config/trust/store.ts'
import { RunnerError } from '../../core/errors.ts'
import { oneLine } from '../output/clean.ts'
import { wrapped } from '../output/layout.ts'
import { saneSize } from '../output/terminal-size.ts'
import type { CommandIo } from './command-io.ts'

type Flags = Record<string, unknown>

/**
 * The configuration for a command that does something. Where an untrusted repository asks for something, --trust trusts it, and on a
 * terminal the user is asked, once. Throws as `loadConfig` does.
 */
export async function configToAct(flags: Flags, io: CommandIo, uses: Uses): Promise<Config> {
  try {
    return await configWith(flags, io, uses)
  } catch (thrown) {
    if (!(thrown instanceof UntrustedError) || !(await agreed(thrown, flags, io))) throw thrown
    trustNow(thrown.trust, io.env)
  }
  // Read it again: the recorded files count, and they may have changed while somebody thought about it.
  return await configWith(flags, io, uses)
}

/** The configuration for a command that asks nobody. Says on stderr what was left out. Throws as `loadConfig` does. */
export async function configWith(flags: Flags, io: CommandIo, uses: Uses): Promise<Config> {
  const config = await loadConfig({ flags, env: io.env, cwd: io.cwd }, uses)
  warnOf(config, io)
  return config
}

/** The configuration for a command that only looks. It leaves out what an untrusted repository asks for, and says so on stderr. */
export async function configToLook(flags: Flags, io: CommandIo): Promise<Config> {
  const { config, problems } = await readConfig({ flags, env: io.env, cwd: io.cwd })
  refuse(problems)
  tellLeftOut(config, io)
  return config
}

function warnOf({ warnings }: Config, io: Pick<CommandIo, 'stderr'>): void {
  for (const warning of warnings) io.stderr.write(`agent-runner: warning: ${oneLine(warning)}\n`)
}

/** Says on stderr what a look has left out: a file that cannot be read, and what an untrusted repository asks for. */
export function tellLeftOut(config: Config, io: Pick<CommandIo, 'stderr'>): void {
  warnOf(config, io)
  const left = leftOutOf(config)
  if (left !== null) io.stderr.write(`agent-runner: ${oneLine(left)}\n`)
}

/** Records trust in a repository as it was judged. Throws USAGE for a process that an agent has started in a run: it is not the user. */
export function trustNow({ home, repo, files, problem }: Config['trust'], env: NodeJS.ProcessEnv): void {
  if (env.AGENT_RUNNER_RUN_ID)
    throw new RunnerError('USAGE', 'a process of a run cannot trust a repository', { advice: 'Do it in a shell of your own.' })
  if (problem !== null) throw new RunnerError('CONFIG_INVALID', `${repo} cannot be trusted: ${problem}`)
  // A repository that asks for nothing any more needs no record.
  if (Object.keys(files).length > 0) recordTrust(home, repo, files)
  else revokeTrust(home, repo)
}

async function agreed({ trust, advice }: UntrustedError, flags: Flags, io: CommandIo): Promise<boolean> {
  // Somebody has to read whose repository it is.
  if (flags.trust === true) return trust.foreign === null
  if (!isTerminal(io)) return false
  if (await askTrust(trust, io)) return true
  // What it asks for has been printed above.
  throw new RunnerError('UNTRUSTED', `${trust.repo} is not trusted; nothing was begun`, { advice })
}

/** Whether somebody is there to be asked. */
export const isTerminal = (io: CommandIo) => io.stdin.isTTY === true && io.stderr.isTTY === true

/** Shows what a repository asks for, and asks. */
export async function askTrust(trust: Config['trust'], io: CommandIo): Promise<boolean> {
  const columns = saneSize('columns', io.stderr.columns)
  const tell = (text: string, indent = '') => io.stderr.write(`${wrapped(oneLine(text), columns, indent).join('\n')}\n`)
  const [head = '', ...asked] = askedFor(trust)
  tell(head)
  for (const line of asked) tell(`• ${line.trim()}`, '  ')
  tell(`Trust covers these files as they are now: ${coveredBy(trust)}`)
  const { confirm } = await import('@inquirer/prompts')
  const context = { input: io.stdin as unknown as NodeJS.ReadableStream, output: io.stderr as unknown as NodeJS.WritableStream }
  return await confirm({ message: `Do you trust ${oneLine(trust.repo)} with this?`, default: false }, context)
}
