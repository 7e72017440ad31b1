import type { Command } from 'commander'
import { type CommandIo, processIo } from './command/command-io.ts'
import { addRunOptions } from './command/options.ts'

/** Declares `db check|backup|vacuum`: the care of the control plane's database. */
export function dbCommand(program: Command, io: () => CommandIo = processIo): void {
  const db = program.command('db').description("the care of the control plane's database")

  subcommand(db, 'check', 'is it whole, and what is in it? Changes nothing; ends with 73 when something is wrong').action(
    async (_flags, command: Command) => {
      process.exitCode = await (await actions()).check(command.optsWithGlobals(), io())
    },
  )

  subcommand(db, 'backup', 'copy it into a new file while others go on using it (SQLite)')
    .argument('<file>', 'the new file; one that is there already is not overwritten')
    .addHelpText('after', EXAMPLES)
    .action(async (file: string, _flags, command: Command) => (await actions()).backup(command.optsWithGlobals(), io(), file))

  subcommand(db, 'vacuum', 'give back the room of what was deleted (SQLite)').action(async (_flags, command: Command) =>
    (await actions()).vacuum(command.optsWithGlobals(), io()),
  )
}

const EXAMPLES = `
Examples:
  agent-runner db backup runner-$(date +%F).db
  cp runner-2026-01-31.db ~/.headless-pm/agent-runner.db         put it back, while nothing runs`

function subcommand(db: Command, name: string, description: string): Command {
  return addRunOptions(db.command(name).description(description), ['repo', 'home', 'database']).option('--json', 'print JSON')
}

const actions = () => import('./db/actions.ts')
