import { choice, kilobytes, like, megabytes, path, type Setting, text } from '../setting.ts'

/** Where and how an agent works on files. */
export const WORKSPACE = {
  worktreeBase: {
    ...path,
    flag: '--worktree-base <folder>',
    env: ['HEADLESS_PM_WORKTREE_BASE'],
    default: '.worktrees',
    says: 'The folder for the worktrees of major tasks; inside the repository it is kept out of git.',
  },
  baseBranch: {
    ...text,
    flag: '--base-branch <branch>',
    env: ['HEADLESS_PM_BASE_BRANCH'],
    default: null,
    says: 'The branch that new task branches start from; without it, the default branch of the repository.',
  },
  dirtyInPlace: {
    ...choice('refuse', 'allow'),
    flag: '--dirty-in-place <answer>',
    env: ['HEADLESS_PM_DIRTY_IN_PLACE'],
    default: 'refuse',
    says: 'Whether a minor task may run in a repository with uncommitted changes; they are never committed or lost.',
  },
  onWorktreeFailure: {
    ...choice('in-place', 'fail'),
    flag: '--on-worktree-failure <answer>',
    env: ['HEADLESS_PM_ON_WORKTREE_FAILURE'],
    default: 'in-place',
    says: 'What to do when git cannot make a worktree: go on in place with a warning, or give the task back.',
  },
  commitAuthor: {
    ...like(/^[^<>\n]+ <[^<>\s]+@[^<>\s]+>$/, 'expected an author as in "Agent Runner <agent@example.com>"'),
    flag: '--commit-author <author>',
    env: ['HEADLESS_PM_COMMIT_AUTHOR'],
    default: null,
    says: "The author of the commits that the runner makes of what an agent left uncommitted; without it, git's own identity.",
  },
  commitMessage: {
    ...text,
    flag: '--commit-message <text>',
    env: ['HEADLESS_PM_COMMIT_MESSAGE'],
    default: '{title}',
    says: 'The first line of those commits; {title} and {id} are those of the task.',
  },
  diffLimit: {
    ...kilobytes,
    flag: '--diff-limit <kilobytes>',
    env: ['HEADLESS_PM_DIFF_LIMIT'],
    default: 256,
    says: 'How much of a diff is kept in the state folder.',
  },
  sendDiff: {
    ...choice('yes', 'no'),
    flag: '--no-diff',
    flagMeans: 'no',
    env: ['HEADLESS_PM_SEND_DIFF'],
    default: 'yes',
    says: 'Whether a control plane is sent the diff of a run, and what else may hold code; with no, which is what the flag says, code never leaves this machine.',
  },
  minFreeDisk: {
    ...megabytes,
    flag: '--min-free-disk <megabytes>',
    env: ['HEADLESS_PM_MIN_FREE_DISK'],
    default: 500,
    says: 'Below this much free space the shipped hooks let no task begin.',
  },
} as const satisfies Record<string, Setting>
