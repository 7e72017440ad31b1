import { choice, kilobytes, like, megabytes, path, type Setting, text, type Z } from '../setting.ts'

const ON_FAILURE = choice('clone', 'in-place', 'fail')

/** Where and how an agent works on files. */
export const WORKSPACE = {
  worktreeBase: {
    ...path,
    flag: '--worktree-base <folder>',
    env: ['HEADLESS_PM_WORKTREE_BASE'],
    default: '.worktrees',
    trust: 'inside',
    says: 'The folder for the worktrees of major tasks; inside the repository it is kept out of git.',
  },
  baseBranch: {
    ...text,
    flag: '--base-branch <branch>',
    env: ['HEADLESS_PM_BASE_BRANCH'],
    default: null,
    trust: 'free',
    says: 'The branch that new task branches start from; without it, the default branch of the remote, and without a remote what is checked out.',
  },
  dirtyInPlace: {
    ...choice('refuse', 'allow'),
    flag: '--dirty-in-place <answer>',
    env: ['HEADLESS_PM_DIRTY_IN_PLACE'],
    default: 'refuse',
    trust: { free: ['refuse'] },
    says: 'Whether a minor task may run in a repository with uncommitted changes; they are never committed or lost.',
  },
  onWorktreeFailure: {
    ...ON_FAILURE,
    // `in_place` is how the older runner spelt it.
    schema: (z: Z) =>
      z
        .string()
        .transform(written => written.replace('_', '-'))
        .pipe(ON_FAILURE.schema(z)),
    flag: '--on-worktree-failure <answer>',
    env: ['HEADLESS_PM_ON_WORKTREE_FAILURE'],
    default: 'clone',
    trust: { free: ['clone', 'fail'] },
    says: 'What to do when git cannot make a worktree: work in a clone of the repository in the state folder, work in place on the branch that is checked out, or give the task back.',
  },
  commitAuthor: {
    ...like(/^[^<>\n]+ <[^<>\s@]+@[^<>\s]+>$/, 'expected an author as in "Agent Runner <agent@example.com>"'),
    flag: '--commit-author <author>',
    env: ['HEADLESS_PM_COMMIT_AUTHOR'],
    default: null,
    trust: 'free',
    says: "The author of the commits that the runner makes of what an agent left uncommitted; without it, git's own identity.",
  },
  commitMessage: {
    ...text,
    flag: '--commit-message <text>',
    env: ['HEADLESS_PM_COMMIT_MESSAGE'],
    default: '{title}',
    trust: 'free',
    says: 'The first line of those commits; {title} and {id} are those of the task.',
  },
  diffLimit: {
    ...kilobytes,
    flag: '--diff-limit <kilobytes>',
    env: ['HEADLESS_PM_DIFF_LIMIT'],
    default: 256,
    trust: 'free',
    says: 'How much of a diff is kept in the state folder.',
  },
  sendDiff: {
    ...choice('yes', 'no'),
    flag: '--no-diff',
    flagMeans: 'no',
    env: ['HEADLESS_PM_SEND_DIFF'],
    default: 'yes',
    trust: { free: ['no'] },
    says: 'Whether a control plane is sent the diff of a run, and what else may hold code; with no, which is what the flag says, code never leaves this machine.',
  },
  minFreeDisk: {
    ...megabytes,
    flag: '--min-free-disk <megabytes>',
    env: ['HEADLESS_PM_MIN_FREE_DISK'],
    default: 500,
    trust: 'trusted',
    says: 'Below this much free space the shipped hooks let no task begin.',
  },
} as const satisfies Record<string, Setting>
