import type { Command } from 'commander'
import { type CommandIo, processIo } from './command-io.ts'
import { addRunOptions } from './options.ts'

/** Declares `doctor`. */
export function doctorCommand(program: Command, io: () => CommandIo = processIo): void {
  const command = program
    .command('doctor')
    .description('would a run start? Looks at everything that it needs and says what to do')
    .option('--json', 'one JSON document on stdout')
    .addHelpText('after', '\nTakes the flags of a run. Exit code 0 only if that run would start, else the code with which it would end.')
  addRunOptions(command).action(async flags => {
    process.exitCode = await (await import('./doctor/run.ts')).runDoctor(flags, io())
  })
}
