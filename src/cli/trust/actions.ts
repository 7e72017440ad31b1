import type { Config } from '../../config/config.ts'
import { readConfig } from '../../config/load.ts'
import { askedFor } from '../../config/trust/refusal.ts'
import { listTrust, revokeTrust } from '../../config/trust/store.ts'
import { RunnerError } from '../../core/errors.ts'
import type { CommandIo } from '../command/command-io.ts'
import { askTrust, isTerminal, trustNow } from '../command/configuration.ts'
import { oneLine, printable } from '../output/clean.ts'

interface Flags {
  home?: string
  yes?: boolean
  revoke?: boolean
  list?: boolean
  json?: boolean
}

/** Exit code when the person says no. */
const DECLINED = 12

/** `trust [PATH]`: records trust in a repository as it is, takes it back, or lists it. Returns the exit code. */
export async function trust(flags: Flags, io: CommandIo, path: string | undefined): Promise<number> {
  if (flags.revoke && flags.list) throw new RunnerError('USAGE', '--revoke and --list exclude each other')
  const { config } = await readConfig({ flags: { home: flags.home, repo: path }, env: io.env, cwd: io.cwd })
  if (flags.list) return list(config, flags, io)
  if (flags.revoke) return revoke(config, flags, io)
  return await give(config.trust, flags, io)
}

async function give(trust: Config['trust'], flags: Flags, io: CommandIo): Promise<number> {
  const asks = isTerminal(io) && !flags.yes && !flags.json
  const isNew = trust.state === 'new' || trust.state === 'changed'
  if (isNew && asks && !(await askTrust(trust, io))) {
    io.stdout.write('Nothing was changed.\n')
    return DECLINED
  }
  if (isNew) trustNow(trust, io.env)
  if (flags.json) {
    const { repo, says, files, foreign } = trust
    io.stdout.write(`${JSON.stringify({ path: repo, before: trust.state, says: says.map(({ text }) => text), files, foreign }, null, 2)}\n`)
    return 0
  }
  if (trust.state === 'none') io.stdout.write(`${oneLine(trust.repo)} asks for nothing that needs trust\n`)
  else if (trust.state === 'trusted') io.stdout.write(`${oneLine(trust.repo)} is trusted already, as it is\n`)
  else {
    if (!asks) io.stdout.write(`${printable(askedFor(trust).join('\n'))}\n`)
    io.stdout.write(`trusted: ${oneLine(trust.repo)}, ${countOf(trust.files)}\n`)
  }
  return 0
}

function countOf(files: Config['trust']['files']): string {
  const count = Object.keys(files).length
  return `${count} ${count === 1 ? 'file' : 'files'}`
}

function revoke({ trust: { home, repo } }: Config, flags: Flags, io: CommandIo): number {
  const removed = revokeTrust(home, repo)
  if (flags.json) io.stdout.write(`${JSON.stringify({ path: repo, removed })}\n`)
  else io.stdout.write(removed ? `no longer trusted: ${oneLine(repo)}\n` : `${oneLine(repo)} was not trusted\n`)
  return 0
}

function list({ trust: { home } }: Config, flags: Flags, io: CommandIo): number {
  const records = listTrust(home)
  if (flags.json) io.stdout.write(`${JSON.stringify(records, null, 2)}\n`)
  else for (const { path, at, files } of records) io.stdout.write(`${oneLine(path)}  ${at}  ${countOf(files)}\n`)
  if (records.length === 0 && !flags.json) io.stderr.write('No repository is trusted.\n')
  return 0
}
