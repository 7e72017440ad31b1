/** What must hold, whatever is killed and whenever; in the order in which the table has it. */
export const PROMISES = {
  once: 'Every task ends in exactly one final state, and its note is there once',
  alone: 'Never two agents on one task, nor two runners for one agent id',
  spared: 'An agent that lives is adopted, one that has finished is harvested: no request is made again',
  kept: 'Nothing that was written is lost: worktree, branch, or refs/agent-runner/',
  clean: 'Afterwards no process, worktree, index.lock, temporary file, lock file or open attempt is left',
  decoy: 'No signal goes to a process that is not ours, also on a pid that was used again',
  twice: 'Recovery done twice does nothing new; many unfinished runs are recovered in time',
  exits: 'Every end has a documented exit code, and none a stack trace',
} as const

export type PromiseName = keyof typeof PROMISES

/** A promise that did not hold. */
export interface Finding {
  promise: PromiseName
  says: string
}
