/**
 * Every reason for which an attempt or a run ends, as one table. The retry policy, exit codes, notes at the
 * tracker, `status` and statistics read it; nothing else decides by a reason's name.
 */

/** What happens to the run next. */
export type Next =
  /** The work counts: report it. */
  | 'report'
  /** Start another attempt; `session` says how. */
  | 'retry'
  /** Wait without counting the attempt, then resume. */
  | 'wait'
  /** Put the task back as it was found; it is not to blame. */
  | 'give_back'
  /** Take it out of circulation with a note, for a person to look at. */
  | 'park'
  /** Keep task, session and workspace for the next start of the runner. */
  | 'keep'
  /** The task is no longer ours: touch nothing at the tracker, keep the work. */
  | 'abandon'
  /** End the run for good, as somebody requested at the tracker; keep the work. */
  | 'stop'

export interface End {
  next: Next
  /**
   * How a further attempt starts. `resume_once`: it resumes, but starts afresh after the second such end, since the conversation itself
   * may be what is refused. `afresh_once`: it starts afresh, and not again when that ends likewise, since then it was not the
   * conversation.
   */
  session: 'resume' | 'afresh' | 'resume_once' | 'afresh_once'
  /** Which budget on disk the attempt is charged to. */
  counts: 'failure' | 'interruption' | 'nothing'
  /** How long to wait before the next attempt. */
  wait: 'none' | 'backoff' | 'reset'
  /** Whether the runner may take further tasks afterwards. */
  claiming: 'goes_on' | 'stops'
  /**
   * What the end says about the surroundings that all tasks share: model API, network, account, agent CLI. `fail`: no task is to blame,
   * and none would fare better. `unclear`: the task is to blame, unless others end likewise.
   */
  surroundings: 'work' | 'fail' | 'unclear' | 'unknown'
  exitCode: number
  /** Who must act for the task to get further. */
  actor: 'nobody' | 'operator' | 'author'
  /** The end in plain words. */
  says: string
  /** What the actor can do; '' when nobody must act. */
  advice: string
}

const base = {
  session: 'resume',
  counts: 'failure',
  wait: 'none',
  claiming: 'goes_on',
  surroundings: 'unknown',
  actor: 'nobody',
  advice: '',
} as const

/** The surroundings fail: the task is kept, is charged nothing, and is tried again until they work. */
const outage = { ...base, next: 'wait', counts: 'nothing', wait: 'backoff', surroundings: 'fail', actor: 'operator' } as const

export const ENDS = {
  completed: { ...base, next: 'report', counts: 'nothing', surroundings: 'work', exitCode: 0, says: 'done' },
  sent_back: { ...base, next: 'report', counts: 'nothing', surroundings: 'work', exitCode: 0, says: 'sent back with findings' },
  blocked: {
    ...base,
    next: 'park',
    surroundings: 'work',
    exitCode: 10,
    actor: 'author',
    says: 'the agent could not do it',
    advice: 'Read the note, make the task clearer, and move it back to created.',
  },
  crashed: {
    ...base,
    next: 'retry',
    surroundings: 'unclear',
    wait: 'backoff',
    exitCode: 10,
    actor: 'operator',
    says: 'the agent ended without a result',
    advice: 'Look at `agent-runner logs`, then move the task back to created.',
  },
  silent: {
    ...base,
    next: 'retry',
    surroundings: 'unclear',
    exitCode: 10,
    actor: 'operator',
    says: 'the agent went silent and was stopped',
    advice: 'Look at `agent-runner logs`, then move the task back to created.',
  },
  said_nothing: {
    ...base,
    next: 'retry',
    surroundings: 'unclear',
    wait: 'backoff',
    exitCode: 10,
    actor: 'operator',
    says: 'the agent ended without a word and without a deed',
    advice: 'Look at `agent-runner logs`, then move the task back to created.',
  },
  denied: {
    ...base,
    next: 'park',
    surroundings: 'work',
    exitCode: 10,
    actor: 'operator',
    says: 'nothing was done: the permission mode denied what the agent wanted to do',
    advice: 'Allow the tools that the note names, or choose another permissionMode; then move the task back to created.',
  },
  content_refused: {
    ...base,
    next: 'retry',
    session: 'afresh',
    surroundings: 'work',
    exitCode: 10,
    actor: 'author',
    says: 'the model API refused what the task is about',
    advice: 'Read what it says in the note, put the task differently, then move it back to created.',
  },
  api_error: {
    ...outage,
    exitCode: 69,
    says: 'the model API answers with errors',
    advice: 'Look at the state of the model API (status.claude.com, or that of your gateway). The runner tries again by itself.',
  },
  api_unreachable: {
    ...outage,
    exitCode: 69,
    says: 'the model API cannot be reached from here',
    advice:
      'Check network, DNS, proxy (HTTPS_PROXY), certificates (NODE_EXTRA_CA_CERTS), the clock, and ANTHROPIC_BASE_URL. The runner tries again by itself.',
  },
  api_refused: {
    ...outage,
    session: 'resume_once',
    exitCode: 69,
    says: 'the model API, or what stands before it, refuses requests',
    advice: 'Read what it says; look at proxy, gateway and account. The runner tries again by itself.',
  },
  no_start: {
    ...outage,
    exitCode: 78,
    says: 'the agent CLI ends at once and says nothing',
    advice: 'Start it once by hand, in the same environment; `agent-runner doctor` tells more. The runner tries again by itself.',
  },
  system_short: {
    ...outage,
    exitCode: 71,
    says: 'this machine has no room for the agent CLI',
    advice:
      'End other processes, or raise the limits: `ulimit -n` for open files, `ulimit -u` for processes. The runner tries again by itself.',
  },
  account_blocked: {
    ...outage,
    exitCode: 77,
    says: 'the account may not use the model API',
    advice: 'Look at its credit, plan and access (console.anthropic.com, or your administrator). The runner tries again by itself.',
  },
  session_lost: {
    ...base,
    next: 'retry',
    surroundings: 'unclear',
    session: 'afresh',
    exitCode: 10,
    actor: 'operator',
    says: 'the session could not be resumed',
    advice: 'Look at `agent-runner logs`, then move the task back to created.',
  },
  session_outgrown: {
    ...base,
    next: 'retry',
    surroundings: 'work',
    session: 'afresh_once',
    exitCode: 10,
    actor: 'author',
    says: 'the conversation grew larger than the model takes',
    advice: 'Split the task, or choose a model that takes more, then move it back to created.',
  },
  session_broken: {
    ...base,
    next: 'retry',
    surroundings: 'unclear',
    session: 'afresh_once',
    wait: 'backoff',
    exitCode: 10,
    actor: 'operator',
    says: 'the model API refused what was said so far as malformed',
    advice: 'Read what it says: does what ANTHROPIC_BASE_URL names fit the agent CLI? Then move the task back to created.',
  },
  prompt_too_long: {
    ...base,
    next: 'park',
    surroundings: 'unclear',
    exitCode: 10,
    actor: 'author',
    says: 'the task with its instructions is longer than the model takes',
    advice:
      "Shorten the description, the role's instructions, CLAUDE.md or what they include, or choose a model that takes more; then move the task back to created.",
  },
  prompt_refused: {
    ...base,
    next: 'park',
    surroundings: 'unclear',
    exitCode: 10,
    actor: 'operator',
    says: 'the model API refused the first request of a new session',
    advice:
      'Read what it says: where every task ends so, mend what ANTHROPIC_BASE_URL names, or the size that a proxy lets through; else put the task differently. Then move it back to created.',
  },
  killed: {
    ...base,
    next: 'retry',
    surroundings: 'unclear',
    counts: 'interruption',
    exitCode: 10,
    actor: 'operator',
    says: 'the agent was killed from outside',
    advice: 'Find out what kills it (memory?), then move the task back to created.',
  },
  usage_limit: {
    ...base,
    next: 'wait',
    counts: 'nothing',
    wait: 'reset',
    surroundings: 'fail',
    exitCode: 12,
    says: 'the usage limit is reached',
  },
  command_failed: {
    ...base,
    next: 'park',
    exitCode: 10,
    actor: 'author',
    says: 'a command of the plan failed',
    advice: 'Look at its output in the note, mend it, and retry the run.',
  },
  timed_out: {
    ...base,
    next: 'park',
    exitCode: 11,
    actor: 'author',
    says: 'the deadline passed',
    advice: 'Split the task or raise HEADLESS_PM_CLAUDE_TIMEOUT, then move it back to created.',
  },
  turns_spent: {
    ...base,
    next: 'park',
    surroundings: 'work',
    exitCode: 10,
    actor: 'author',
    says: 'the turns that it may take are spent',
    advice: 'Split the task or raise its limit of turns (max_steps), then move it back to created.',
  },
  over_budget: {
    ...base,
    next: 'park',
    surroundings: 'work',
    exitCode: 10,
    actor: 'author',
    says: 'the budget is spent',
    advice: 'Split the task or raise its budget, then move it back to created.',
  },
  not_logged_in: {
    ...base,
    next: 'give_back',
    counts: 'nothing',
    surroundings: 'fail',
    claiming: 'stops',
    exitCode: 77,
    actor: 'operator',
    says: 'the agent CLI is not logged in, or its key was refused',
    advice: 'Run `claude` and `/login`, or set a valid ANTHROPIC_API_KEY; then start the runner again.',
  },
  unknown_model: {
    ...base,
    next: 'give_back',
    counts: 'nothing',
    surroundings: 'fail',
    claiming: 'stops',
    exitCode: 78,
    actor: 'operator',
    says: 'the model API does not know the configured model',
    advice: 'Check the models in the configuration (`agent-runner config explain`).',
  },
  wrong_model: {
    ...base,
    next: 'park',
    counts: 'nothing',
    exitCode: 10,
    actor: 'author',
    says: 'the model API does not know the model that the task names',
    advice: "Mend the task's model, or leave it out; then move the task back to created.",
  },
  cli_missing: {
    ...base,
    next: 'give_back',
    counts: 'nothing',
    surroundings: 'fail',
    claiming: 'stops',
    exitCode: 78,
    actor: 'operator',
    says: 'the agent CLI could not be started',
    advice: 'Install the `claude` CLI or set HEADLESS_PM_CLAUDE_COMMAND; `agent-runner doctor` tells more.',
  },
  refused_by_hook: {
    ...base,
    next: 'give_back',
    counts: 'nothing',
    exitCode: 10,
    actor: 'operator',
    says: 'the pre_task hook refused the task',
    advice: 'Read the hook log, mend what it complains of, or change onHookFailure.',
  },
  no_workspace: {
    ...base,
    next: 'give_back',
    counts: 'nothing',
    exitCode: 10,
    actor: 'operator',
    says: 'no safe workspace could be prepared',
    advice: 'See the reason in the note; commit or stash what is uncommitted, or allow it in the configuration.',
  },
  step_failed: {
    ...base,
    next: 'park',
    counts: 'nothing',
    exitCode: 10,
    actor: 'operator',
    says: 'the runner could not bring the task to its end here',
    advice: 'Mend what the note names; the work is kept. Then move the task back to created.',
  },
  workspace_replaced: {
    ...base,
    next: 'park',
    counts: 'nothing',
    exitCode: 10,
    actor: 'operator',
    says: 'the workspace is not the one in which the work began, or git cannot read it',
    advice: 'Look at what the note names; nothing was committed from there. Then move the task back to created.',
  },
  repository_replaced: {
    ...base,
    next: 'park',
    counts: 'nothing',
    claiming: 'stops',
    exitCode: 10,
    actor: 'operator',
    says: 'the repository is not the one in which the work began, or git cannot read it',
    advice: 'Put its git folder back as it was, start the runner again, and move the task back to created.',
  },
  stopped: {
    ...base,
    next: 'keep',
    counts: 'nothing',
    exitCode: 12,
    actor: 'operator',
    says: 'the runner was stopped; the task is kept for its next start',
    advice: 'Start the runner again with the same agent id to go on.',
  },
  paused: { ...base, next: 'wait', counts: 'nothing', exitCode: 12, says: 'paused' },
  directed: { ...base, next: 'wait', counts: 'nothing', exitCode: 12, says: 'interrupted by a directive' },
  ended_on_request: {
    ...base,
    next: 'stop',
    counts: 'nothing',
    exitCode: 12,
    says: 'stopped for good, as was asked',
  },
  unlocked: {
    ...base,
    next: 'give_back',
    counts: 'nothing',
    exitCode: 12,
    says: 'let go of by hand (`agent-runner unlock`)',
  },
  cancelled: {
    ...base,
    next: 'abandon',
    counts: 'nothing',
    exitCode: 12,
    says: 'the task was cancelled at the tracker',
  },
  lost: {
    ...base,
    next: 'abandon',
    counts: 'nothing',
    exitCode: 12,
    says: 'the task is no longer ours at the tracker',
  },
} as const satisfies Record<string, End>

export type EndReason = keyof typeof ENDS

/** The table's row for a reason, with the wide type. */
export function end(reason: EndReason): End {
  return ENDS[reason]
}

/** What the actor can do once the task is out of circulation, or, with `goesBack`, in the queue again; '' when nobody must act. */
export function adviceFor(reason: EndReason, goesBack: boolean): string {
  const { advice, surroundings } = end(reason)
  return goesBack && surroundings === 'unclear'
    ? 'Look at `agent-runner logs`: several tasks ended alike. This one is in the queue again.'
    : advice
}
