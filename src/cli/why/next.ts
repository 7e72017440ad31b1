import { ENDS, type EndReason, end } from '../../core/ends.ts'
import { type RunRecord, STEPS, type StepName } from '../../core/run.ts'
import { chooseAttempt, spent } from '../../runner/attempts/attempt-choice.ts'
import { oneLine } from '../output/clean.ts'
import type { Facts } from './facts.ts'

/** One thing that comes next. `at`: epoch milliseconds at which it does, or at the latest; null for when the one before it is over. */
export interface Next {
  text: string
  at: number | null
}

/** What comes next, in order. Made of the table of ends and the journal, as the runner itself decides. */
export function whatNext(facts: Facts): Next[] {
  const { lock, record } = facts
  if (lock && lock.problem !== null && !facts.result)
    return [
      next(`${theRunner(facts)} sets the lock file aside, never deletes it, and takes other tasks.`),
      next('Nothing of its work is touched. At the PM the task stays locked until that lock expires or somebody moves it.'),
    ]
  if (record) return unfinished(facts, record)
  if (facts.result) return ended(facts, facts.result)
  if (facts.runId !== null)
    return [next('Nothing: this run has neither a lock file nor a result. It never got its task, or its lock file was moved away.')]
  if (facts.runner && facts.limitUntil !== null && facts.limitUntil > facts.now)
    return [{ text: 'It takes the next task that fits, once the usage limit of its account is over.', at: facts.limitUntil }]
  if (facts.runner) return [next('It takes the next task that fits, as soon as there is one.')]
  return [next('Nothing, until a runner is started with this agent id.')]
}

function unfinished(facts: Facts, record: RunRecord): Next[] {
  const who = theRunner(facts)
  const { tracker } = facts
  const said: Next[] = []
  if (!facts.runner && tracker?.kind === 'elsewhere')
    said.push(next(`A runner with this configuration would refuse to start: ${oneLine(tracker.message, 300)}.`))
  const done = (name: StepName) => record.steps.find(step => step.name === name)?.finishedAt != null
  const away = tracker?.kind === 'unreachable' ? ', as soon as the PM answers' : ''
  if (record.disposition) {
    if (!done('report')) said.push(next(`${who} ${telling(record)}${away}.`))
    said.push(next('Then the workspace is cleaned up and the lock file goes; nothing is reported twice.'))
    return said
  }
  const step = STEPS.find(name => !done(name)) ?? 'release'
  if (step === 'agent') said.push(...agentStep(facts, record, who))
  else said.push(next(`${who} ${DOES[step]}.`))
  if (tracker?.kind === 'answered' && tracker.holding !== 'ours' && tracker.holding !== 'free') {
    const reason = tracker.holding === 'someone_else' ? 'lost' : 'cancelled'
    said.push(next(`It ends there, since ${end(reason).says}: nothing is written at the PM, and the work is kept.`))
  }
  return said
}

/** What each step does when it is taken (again). */
const DOES: Record<StepName, string> = {
  claim: 'asks the PM whether the task is this agent’s, takes it if it is free, and lets go of it otherwise',
  preHook: 'runs the pre_task hook, which may refuse the task',
  workspace: 'prepares the workspace; what was half made is mended',
  agent: 'starts the agent',
  collect: 'collects what was done, commits what the agent left, and reports it',
  report: 'reports',
  postHook: 'runs the post_task hook',
  cleanup: 'cleans up',
  release: 'lets go of the task',
}

function telling({ disposition }: RunRecord): string {
  if (disposition?.kind === 'report') return `reports ${oneLine(disposition.status, 64)} at the PM, with the note`
  if (disposition?.kind === 'park') return `parks the task, since ${end(disposition.reason).says}`
  if (disposition?.kind === 'give_back') return `gives the task back as it was found, since ${end(disposition.reason).says}`
  if (disposition?.kind === 'stop') return 'ends the task for good, as was asked'
  return 'writes nothing at the PM, since the task is no longer this agent’s; the work is kept'
}

function agentStep(facts: Facts, record: RunRecord, who: string): Next[] {
  const choice = chooseAttempt(record, facts.policy)
  if (choice.do === 'rest') return [next('Nothing, until somebody resumes the run; session and workspace are kept.')]
  if (choice.do === 'finish') return [next(`${who} ${conclusion(choice.reason)}.`)]
  if (choice.do === 'start') {
    const until = facts.waitsUntil !== null && choice.after ? ` It waits until then because ${end(choice.after).says}.` : ''
    return [{ text: `${who} ${beginning(choice.session, record, facts.session)}.${until}`, at: facts.waitsUntil }]
  }
  const { number } = choice.attempt
  const state = facts.attempt?.number === number ? facts.attempt.state : ({ state: 'never_started' } as const)
  if (state.state === 'never_started') return [next(`${who} starts attempt ${number}: it was decided, and nothing of it has run.`)]
  if (state.state === 'exited') return [next(`${who} takes the result of attempt ${number}; no token is spent again.`)]
  if (state.state === 'gone')
    return [next(`${who} ends what is left of attempt ${number}, and reads what it said last.`), afterKill(facts, record)]
  const adopts = facts.runner ? [] : [next(`${who} adopts attempt ${number}: the same process, and no token is spent again.`)]
  const deadline = facts.attempt?.deadlineAt ?? null
  return [
    ...adopts,
    next('When the agent has said its last word, its work is collected and reported.'),
    ...(deadline === null ? [] : [{ text: 'Then its deadline ends it, also when no runner is there.', at: deadline }]),
  ]
}

/** What follows an attempt that was killed with its supervisor, as the runner decides once it has counted it. */
function afterKill(facts: Facts, record: RunRecord): Next {
  const last = record.attempts.at(-1)!
  const nothing = {
    text: '',
    verdict: null,
    sessionId: null,
    model: null,
    costUsd: 0,
    turns: 0,
    toolCalls: 0,
    durationMs: 0,
    resetsAt: null,
  }
  const killed = { ...last, ended: { ...nothing, reason: 'killed' as const, tokens: { input: 0, output: 0, cacheRead: 0, cacheWrite: 0 } } }
  const after = { ...record, attempts: [...record.attempts.slice(0, -1), killed] }
  const choice = chooseAttempt(after, facts.policy)
  if (choice.do === 'start') return next(`Unless that was its result, the runner ${beginning(choice.session, after, facts.session)}.`)
  if (choice.do === 'finish') {
    const { interruptions } = spent(after)
    return next(`Unless that was its result, the runner ${conclusion(choice.reason)}: it was killed ${interruptions} times.`)
  }
  return next('Unless that was its result, the runner waits until somebody resumes the run.')
}

function beginning(session: 'first' | 'resume' | 'afresh', record: RunRecord, resumable: boolean | null): string {
  const number = (record.attempts.at(-1)?.number ?? 0) + 1
  if (session === 'first') return 'starts the first attempt'
  if (session === 'resume' && resumable !== false) return `resumes the agent’s session as attempt ${number}`
  const why = session === 'resume' ? ', since the old one cannot be resumed' : ''
  return `starts a new session as attempt ${number}${why}; it is told what was done already`
}

/** How the run ends for a final reason. */
function conclusion(reason: EndReason): string {
  const { next: then, says } = end(reason)
  if (then === 'report') return 'collects what was done, and reports it'
  if (then === 'give_back') return `gives the task back, since ${says}`
  if (then === 'abandon') return `lets go of the task and writes nothing at the PM, since ${says}`
  if (then === 'stop') return 'ends the task for good, as was asked'
  return `parks the task with a note, since ${says}`
}

function ended(facts: Facts, result: NonNullable<Facts['result']>): Next[] {
  const said: Next[] = []
  const holding = facts.tracker?.kind === 'answered' ? facts.tracker.holding : null
  const row = Object.hasOwn(ENDS, result.reason) ? end(result.reason as EndReason) : null
  if (facts.otherRun !== null) said.push(next(`Nothing more of this run; the agent has another one in hand: ${facts.otherRun}.`))
  if (holding === 'free') said.push(next('The task can be taken again: the next runner that fits takes it.'))
  else if (holding === 'someone_else') said.push(next('Another agent has the task now.'))
  else if (holding === 'ours')
    said.push(
      next('At the PM the task is still locked by this agent, although nothing is unfinished here; the next run of it goes on from there.'),
    )
  else if (result.status === 'pending')
    said.push(next('Nothing: it is parked. Nobody is given the task until somebody moves it back to created.'))
  else if (row?.next === 'report') said.push(next(`Nothing: it is done${result.status ? ` (${oneLine(result.status, 64)})` : ''}.`))
  else if (row?.next === 'give_back') said.push(next('It was given back as it was found: the next runner that fits takes it.'))
  else said.push(next('Nothing: this run is over.'))
  if (row?.claiming === 'stops') said.push(next('The runner has ended and takes no task until it is started again.'))
  return said
}

function theRunner({ runner }: Facts): string {
  return runner ? 'The runner' : 'The next start of the runner'
}

const next = (text: string): Next => ({ text, at: null })
