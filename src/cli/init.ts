import type { Command } from 'commander'
import { type CommandIo, processIo } from './command/command-io.ts'
import { addRunOptions } from './command/options.ts'
import { INIT_KEYS } from './init/questions.ts'

/** Declares `init`. */
export function initCommand(program: Command, io: () => CommandIo = processIo): void {
  const command = program
    .command('init')
    .description('asks what a runner needs to know and writes it into a configuration file')
    .option('--target <file>', "user (the user's own file) or project (agent-runner.yaml in the repository)")
    .option(
      '--api-key-file <file>',
      'a file with the key of the PM server or the control plane, - for stdin; the key always goes into the user file',
    )
    .option('--no-api-key', 'write no key')
    .option('-y, --yes', 'take the default of every question that has one')
    .option('--json', 'one JSON document on stdout: the files written')
    .addHelpText(
      'after',
      '\nExamples:\n  agent-runner init\n  agent-runner init --target user --tracker embedded --role backend_dev --agent-id dev_001 --level senior\n  agent-runner init --target user --server http://build.example:8000 --api-key-file worker.key --project shop --yes --role backend_dev --agent-id dev_001',
    )
  addRunOptions(command, ['repo', 'home', ...INIT_KEYS]).action(async (flags: Record<string, unknown>) =>
    (await import('./init/run.ts')).runInit(flags, io()),
  )
}
