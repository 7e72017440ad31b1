import type { Command } from 'commander'
import { type CommandIo, processIo } from './command/command-io.ts'
import { addRunOptions } from './command/options.ts'

/** Declares `why`. */
export function whyCommand(program: Command, io: () => CommandIo = processIo): void {
  const command = program
    .command('why')
    .argument(
      '[what]',
      'an agent id, a run (or the start or end of its id) or a task id; without it what is unfinished, else the newest run',
    )
    .description('why something is as it is: what happened, what is true now, what comes next and when, and what you can do')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      '\nIt only looks.\n\nExamples:\n  agent-runner why\n  agent-runner why dev_001\n  agent-runner why run_01jz --json | jq .next',
    )
  const keys = ['repo', 'home', 'tracker', 'apiUrl', 'maxAttempts', 'maxInterruptions', 'maxCost'] as const
  addRunOptions(command, keys).action(async (what: string | undefined, _flags, called: Command) => {
    await (await import('./why/show.ts')).showWhy(called.optsWithGlobals(), io(), what ?? null)
  })
}
