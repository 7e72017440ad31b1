import { type Command, Option } from 'commander'
import { KEY_KINDS } from '../board/store/schema.ts'
import type { Key } from '../config/schema.ts'
import { type CommandIo, processIo } from './command/command-io.ts'
import { addRunOptions } from './command/options.ts'

/** Declares `keys create|link|list|revoke`: who may use the server. */
export function keysCommand(program: Command, io: () => CommandIo = processIo): void {
  const keys = program.command('keys').description('the keys with which the server of the control plane is used')

  subcommand(keys, 'create', 'make a key; it is shown once and only its hash is kept')
    .addOption(
      new Option('--kind <kind>', 'admin may do everything, worker what a runner does, read only look')
        .choices(KEY_KINDS)
        .makeOptionMandatory(),
    )
    .option('--customer <name>', 'whose projects it sees; without it an admin or read key sees all, and a worker those without a customer')
    .option('--name <text>', 'for people, and for histories', '')
    .addHelpText('after', EXAMPLES)
    .action(async (_flags, command: Command) => (await actions()).createKey(command.optsWithGlobals(), io()))

  subcommand(keys, 'link', 'a link that opens the page of your server on this machine in the browser, once', [
    'home',
    'repo',
    'host',
    'port',
  ])
    .addHelpText('after', '\nThe server must run: agent-runner up, or agent-runner server.')
    .action(async (_flags, command: Command) => (await import('./keys/link.ts')).printLink(command.optsWithGlobals(), io()))

  subcommand(keys, 'list', 'the keys, newest first, without what is secret of them').action(async (_flags, command: Command) =>
    (await actions()).listKeys(command.optsWithGlobals(), io()),
  )

  subcommand(keys, 'revoke', 'from here on the key opens nothing')
    .argument('<id>', 'the id of the key, or its beginning: ar_…')
    .action(async (id: string, _flags, command: Command) => (await actions()).revokeKey(command.optsWithGlobals(), io(), id))
}

const EXAMPLES = `
Examples:
  agent-runner keys create --kind admin --name ann
  agent-runner keys create --kind worker --customer acme --name build-1
  curl -H "Authorization: Bearer $KEY" https://runner.example/runs`

function subcommand(keys: Command, name: string, description: string, settings: readonly Key[] = ['repo', 'home', 'database']): Command {
  return addRunOptions(keys.command(name).description(description), settings).option('--json', 'print JSON')
}

const actions = () => import('./keys/actions.ts')
