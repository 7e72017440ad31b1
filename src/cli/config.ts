import type { Command } from 'commander'
import { KEYS } from '../config/schema.ts'
import { type CommandIo, processIo } from './command/command-io.ts'
import { addRunOptions } from './command/options.ts'

/** Declares `config` and its subcommands. */
export function configCommand(program: Command, io: () => CommandIo = processIo): void {
  const config = program
    .command('config')
    .description('shows and changes the configuration')
    .addHelpText(
      'after',
      '\nExamples:\n  agent-runner config explain\n  agent-runner config set claudeTimeout 900\n  agent-runner config set models.roles.qa opus\n  pass show pm | agent-runner config set apiKey -',
    )

  reading(
    config.command('get').addArgument(keyArgument(program, '<key>')).description('the value that counts; exit code 1 when it is not set'),
  ).action(async (key, _flags, command) => {
    process.exitCode = await (await import('./config/show.ts')).getSetting(key, command.optsWithGlobals(), io())
  })
  changing(
    config
      .command('set')
      .addArgument(keyArgument(program, '<key>'))
      .argument('<value>', '- reads it from stdin')
      .description("writes a setting into the user's file"),
  ).action(async (key, value, _flags, command) =>
    (await import('./config/change.ts')).setSetting(key, value, command.optsWithGlobals(), io()),
  )
  changing(config.command('unset').addArgument(keyArgument(program, '<key>')).description("removes a setting from the user's file")).action(
    async (key, _flags, command) => (await import('./config/change.ts')).unsetSetting(key, command.optsWithGlobals(), io()),
  )
  reading(config.command('list').description('every setting with the value that counts')).action(async (_flags, command) =>
    (await import('./config/show.ts')).listSettings(command.optsWithGlobals(), io()),
  )
  changing(config.command('path').description("where the user's file is, also when it is not there yet")).action(async (_flags, command) =>
    (await import('./config/change.ts')).showPaths(command.optsWithGlobals(), io()),
  )
  reading(
    config.command('explain').addArgument(keyArgument(program, '[key]')).description('where each value came from; secrets are masked'),
  ).action(async (key, _flags, command) => (await import('./config/show.ts')).explainSettings(key ?? null, command.optsWithGlobals(), io()))
}

const json = (command: Command) => command.option('--json', 'one JSON document on stdout')
/** All flags, so that users can see beforehand what a certain call would do. */
const reading = (command: Command) => addRunOptions(json(command), KEYS)
const changing = (command: Command) => addRunOptions(json(command), ['home', 'repo'])
/** The keys are for completion. A longer one (`models.roles.qa`) is allowed too, and the table refuses a wrong one. */
const keyArgument = (program: Command, name: string) =>
  program
    .createArgument(name)
    .choices(KEYS)
    .argParser(value => value)
