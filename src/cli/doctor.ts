import type { Command } from 'commander'
import { type CommandIo, processIo } from './command/command-io.ts'
import { addRunOptions } from './command/options.ts'

/** Declares `doctor`. */
export function doctorCommand(program: Command, io: () => CommandIo = processIo): void {
  const command = program
    .command('doctor')
    .description('would a run start? Looks at everything that it needs and says what to do')
    .option('--json', 'one JSON document on stdout')
    .option(
      '--bundle <file>',
      'write what a maintainer needs to help (.tar.gz): findings, configuration, lock files, the last runs; no secrets',
    )
    .option('--with-work', 'with --bundle: also prompts, texts, output and diffs')
    .option('--yes', 'with --bundle: list what goes into it and write it without asking')
    .addHelpText('after', HELP)
  addRunOptions(command).action(async flags => {
    process.exitCode = await (await import('./doctor/run.ts')).runDoctor(flags, io())
  })
}

const HELP = `
Takes the flags of a run. Exit code 0 only if that run would start, else the code with which it would end; with --bundle 0 once the file is written.

Examples:
  agent-runner doctor --role backend_dev --agent-id dev_001
  agent-runner doctor --bundle report.tar.gz   # lists what goes into it, and asks on a terminal`
