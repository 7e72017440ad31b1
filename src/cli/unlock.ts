import type { Command } from 'commander'
import { type CommandIo, endedByUser, processIo } from './command/command-io.ts'
import { addRunOptions } from './command/options.ts'

/** Declares `unlock`. */
export function unlockCommand(program: Command, io: () => CommandIo = processIo): void {
  const command = program
    .command('unlock')
    .argument('<agent>', 'the agent id whose unfinished task is not to be continued on this machine')
    .description('gives an unfinished task back and moves its lock file aside, if nothing can be lost by it')
    .option('--force', 'do it although something is given up; says what')
    .option('--json', 'print JSON')
    .addHelpText('after', HELP)
  const keys = ['repo', 'home', 'worktreeBase', 'commitAuthor', 'tracker', 'apiUrl', 'apiTimeout', 'killGrace'] as const
  addRunOptions(command, keys).action(async (agent: string, _flags, called: Command) => {
    const user = endedByUser()
    const { unlock } = await import('./unlock/run.ts')
    process.exitCode = await unlock(called.optsWithGlobals(), io(), agent, user.signal).finally(user.off)
  })
}

const HELP = `
Checked before anything is changed: no runner works for the agent, no process of the run lives, no result waits to be reported,
the workspace is safe (what is uncommitted goes under refs/agent-runner/), and what the PM says. Nothing is deleted: the lock file
moves to locks/released/ in the state folder, and a worktree or clone stays.
Exit code: 0 done, or nothing is locked; 75 in use; 69 the PM cannot be told; 73 the lock file cannot be read; 1 a result or work would be given up.

Examples:
  agent-runner why dev_001
  agent-runner unlock dev_001
  agent-runner unlock dev_001 --force`
