import { loadConfig } from '../../config/load.ts'
import { ADDRESS } from '../../config/trust/refusal.ts'
import { RunnerError } from '../../core/errors.ts'
import { ownersKey } from '../../machine/files/owners-key.ts'
import type { CommandIo } from '../command/command-io.ts'
import { newLoginLink } from '../compose/login-link.ts'
import { reveal } from '../output/guard.ts'
import { openSink } from '../output/sink.ts'

type Flags = Record<string, unknown> & { json?: boolean }

/** `keys link`: asks the running server of this state folder for a link, which stands alone on stdout. */
export async function printLink({ home, repo, host, port, json }: Flags, io: CommandIo): Promise<void> {
  const { values } = await loadConfig({ flags: { home, repo, host, port }, env: io.env, cwd: io.cwd }, ADDRESS)
  const address = `${HERE[values.host] ?? values.host}:${values.port}`
  const key = ownersKey(values.home, address)
  if (key === null)
    throw new RunnerError('USAGE', `no server of ${values.home} listens on ${address}`, {
      advice: 'Start one (agent-runner up), or name the one that runs: --host, --port.',
    })
  const link = await newLoginLink({ url: `http://${address}`, key, requestTimeoutMs: values.apiTimeout * 1_000 })
  reveal(io.stdout, json ? `${JSON.stringify(link, null, 2)}\n` : `${link.url}\n`)
  if (!json) openSink(io.stderr).write('It works once, for ten minutes.\n')
}

/** The address under which the server itself keeps its key. */
const HERE: Record<string, string> = { localhost: '127.0.0.1', '0.0.0.0': '127.0.0.1', '::': '[::1]', '::1': '[::1]' }
