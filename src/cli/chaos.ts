import type { Command } from 'commander'
import { type CommandIo, endedByUser, processIo } from './command/command-io.ts'

/** Declares `chaos`. */
export function chaosCommand(program: Command, io: () => CommandIo = processIo): void {
  program
    .command('chaos')
    .description(
      'prove the promise on this machine: kill at random in a throwaway repository, and check that nothing is lost or done twice',
    )
    .option('--minutes <number>', 'go on with new cases for so long; without it, --cases says how much')
    .option('--cases <number>', 'how many cases at most (default: 30)')
    .option('--seed <number>', 'the same seed gives the same plan; without it one is chosen and printed')
    .option('--unfinished <number>', 'how many unfinished runs are recovered at the end, 0 for none (default: 100)')
    .option('--json', 'print JSON')
    .addHelpText('after', HELP)
    .action(async (_flags, called: Command) => {
      const user = endedByUser()
      const { chaos } = await import('./chaos/run.ts')
      process.exitCode = await chaos(called.optsWithGlobals(), io(), user.signal).finally(user.off)
    })
}

const HELP = `
This very program runs up to three agents at once, with real git, supervisors and the embedded board, and a scripted agent in place of the
CLI: it costs nothing and touches nothing of yours. Runners, supervisors and agents are killed or stopped, at the steps of a run and at
any moment, and again during the recovery; the machine is made to look rebooted, pids used again, the board locked.
Exit code: 0 everything held; 1 something did not (the folder is kept); 12 ended before its time.

Examples:
  agent-runner chaos
  agent-runner chaos --minutes 10 --seed 7
  agent-runner chaos --cases 6 --unfinished 0 --json`
