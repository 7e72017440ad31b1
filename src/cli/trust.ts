import type { Command } from 'commander'
import { type CommandIo, processIo } from './command/command-io.ts'
import { addRunOptions } from './command/options.ts'

/** Declares `trust`. */
export function trustCommand(program: Command, io: () => CommandIo = processIo): void {
  const command = program
    .command('trust')
    .argument('[path]', 'the repository; without it the one around the current directory')
    .description('lets a repository decide what it asks for: servers, keys, commands, hooks; shows it first')
    .option('--yes', 'do not ask on a terminal')
    .option('--revoke', 'trust it no longer')
    .option('--list', 'the repositories that are trusted')
    .option('--json', 'print JSON')
    .addHelpText('after', HELP)
  addRunOptions(command, ['home']).action(async (path: string | undefined, _flags, called: Command) => {
    process.exitCode = await (await import('./trust/actions.ts')).trust(called.optsWithGlobals(), io(), path)
  })
}

const HELP = `
Trust is for one path and for the files as they are: one that is changed, new or gone ends it, whoever did it.
A repository that only sets what shapes the work (role, models, times …) needs none.

Examples:
  agent-runner trust
  agent-runner trust /srv/shop --yes
  agent-runner trust /srv/shop --revoke`
