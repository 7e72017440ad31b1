import type { Command } from 'commander'
import { type CommandIo, processIo } from './command/command-io.ts'
import { addRunOptions } from './command/options.ts'

/** Declares `rescue list|show|restore`, for the work that ended runs have left. */
export function rescueCommand(program: Command, io: () => CommandIo = processIo): void {
  const rescue = program.command('rescue').description('work that is on no branch: refs of ended runs, and worktrees that were left')

  addRunOptions(rescue.command('list').description('what is kept of this repository, and the worktrees that runs have left'), PLACES)
    .option('--json', 'print JSON')
    .action(async (_flags, command: Command) => (await actions()).listKept(command.optsWithGlobals(), io()))

  addRunOptions(rescue.command('show').description('what a ref, a left worktree, or all that a run has left holds'), PLACES)
    .argument('<what>', WHAT)
    .option('--patch', 'print the changes as a patch for `git apply`, and nothing else')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      '\nExamples:\n  agent-runner rescue show run_01jz\n  agent-runner rescue show run_01jz/1 --patch | git apply --3way',
    )
    .action(async (what: string, _flags, command: Command) => (await actions()).showKept(command.optsWithGlobals(), io(), what))

  addRunOptions(rescue.command('restore').description('puts kept work on a new branch; no checkout and no branch is touched'), PLACES)
    .argument('<what>', WHAT)
    .requiredOption('--branch <name>', 'the branch to make; it must not be there yet')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      '\nExamples:\n  agent-runner rescue restore run_01jz --branch saved\n  agent-runner rescue restore .worktrees/task-7 --branch saved',
    )
    .action(async (what: string, _flags, command: Command) => (await actions()).restoreKept(command.optsWithGlobals(), io(), what))
}

const PLACES = ['repo', 'home', 'worktreeBase', 'commitAuthor'] as const
const WHAT = 'a ref (run_01jz…/1), a run, or the path of a left worktree'

const actions = () => import('./rescue/actions.ts')
