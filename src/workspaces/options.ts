/** What the workspaces need to know; every value comes from the configuration or is composed by the command. */
export interface WorkspaceOptions {
  /** A folder in the repository: its top, a folder below, or a worktree of it. */
  repo: string
  /** Where worktrees go; relative to the repository's top; null for `.worktrees`. */
  worktreeBase: string | null
  /** The program's own state folder. Inside the checkout it counts as no change, and is kept out of git. Null when there is none. */
  stateFolder: string | null
  /** The branch that new work starts from; null for the repository's default branch, else the current one. */
  baseBranch: string | null
  /** Whether a task may work in place beside uncommitted changes of the user. */
  dirtyInPlace: 'refuse' | 'allow'
  /** What is done when git can make no worktree: a clone in the state folder, the repository's own checkout, or nothing. */
  onWorktreeFailure: 'clone' | 'in-place' | 'fail'
  /** Author and committer of our commits; null for the user's own identity, else a built-in one. */
  author: { name: string; email: string } | null
  /** First line of our commits; `{id}` and `{title}` are the task's. */
  commitMessage: string
  /** Size at which a diff is cut, in bytes of UTF-8. */
  diffBytes: number
  warn: (message: string) => void
  /** Returns the id of another agent that works in place in this repository now; null when it is free. */
  inPlaceHeldBy?: (repo: string) => string | null
  /** Longest time for one git command that writes, in milliseconds; 300,000 when left out. Reading gets at most a minute. */
  gitTimeoutMs?: number
}
