import { backoff } from '../core/backoff.ts'
import { type EndReason, end } from '../core/ends.ts'
import { RunnerError } from '../core/errors.ts'
import { modelFor, rolePolicy } from '../core/policy.ts'
import type { AttemptSpec, ExitRecord } from '../core/ports.ts'
import type { AttemptEnd, AttemptRecord, RunRecord, WorkspaceRecord } from '../core/run.ts'
import type { Mention } from '../core/task.ts'
import { type AttemptChoice, budgetUsd, chooseAttempt, spent } from './attempt-choice.ts'
import type { RunnerContext } from './context.ts'
import { startHeartbeat } from './heartbeat.ts'
import { firstPrompt, laterPrompt, type PromptParts } from './prompt.ts'
import { untilAnswered } from './retry.ts'

/**
 * Attempts until there is an outcome: start, follow, resume. The journal is saved before every start, so that after any
 * death the next runner adopts what lives, harvests what ended, and starts nothing twice.
 * Resolves with the reason that stands. Throws ABORTED when the task is kept for the next start.
 */
export async function runAttempts(record: RunRecord, context: RunnerContext, save: () => void): Promise<EndReason> {
  const found = record.attempts.length
  const heartbeat = startHeartbeat(record, context)
  try {
    for (;;) {
      const choice = chooseAttempt(record, context.policy)
      if (choice.do === 'finish') return choice.reason
      if (choice.do === 'follow') {
        const ended = await followAttempt(choice.attempt, choice.attempt.number <= found, record, context, heartbeat.lost)
        choice.attempt.ended = ended
        record.notBefore = pauseUntil(ended, record, context)
        save()
        context.emit({ type: 'attempt_ended', attempt: choice.attempt.number, end: ended }, record.runId)
        if (ended.reason === 'stopped') throw new RunnerError('ABORTED', 'the agent was stopped; the task is kept')
        continue
      }
      await pause(record, context, heartbeat.lost)
      // Tokens are spent only on a task that is still ours, and only when all of the last attempt is proven gone.
      const holding = await untilAnswered('asking whether the task is still ours', context, signal =>
        context.tracker.holding(context.identity, record.task, signal),
      )
      if (holding === 'finished' || holding === 'gone') return 'cancelled'
      if (holding !== 'ours' && (await claimAgain(record, context)) === 'taken') return 'lost'
      await context.supervision.sweep(record.runId)
      record.attempts.push(await prepareAttempt(choice, record, context))
      save()
    }
  } finally {
    heartbeat.end()
  }
}

function claimAgain(record: RunRecord, context: RunnerContext) {
  return untilAnswered('taking the task again', context, signal =>
    context.tracker.claim(context.identity, record.task, record.runId, signal),
  )
}

/** Writes the prompt and decides how the attempt begins. Nothing runs yet. */
async function prepareAttempt(choice: AttemptChoice & { do: 'start' }, record: RunRecord, context: RunnerContext): Promise<AttemptRecord> {
  const { agent, policy, clock } = context
  const workspace = record.workspace!
  const last = record.attempts.at(-1)
  const resume = choice.session === 'resume' && last !== undefined && agent.canResume(last.sessionId, workspace.path)
  const number = (last?.number ?? 0) + 1
  const mentions = last ? [] : await readMentions(record, context)
  const parts: PromptParts = {
    identity: context.identity,
    task: record.task,
    roleInstructions: policy.roleInstructions,
    workspace,
    mentions,
    verdict: rolePolicy(policy, context.identity.role).verdict,
  }
  const prompt =
    last && choice.after
      ? laterPrompt(parts, {
          session: resume ? 'resume' : 'afresh',
          after: choice.after,
          lastText: last.ended?.text ?? '',
          changed: await changedSoFar(workspace, record, context),
        })
      : firstPrompt(parts)
  context.files.write(record.runId, promptName(number), prompt)
  return {
    number,
    mode: resume ? 'resume' : 'fresh',
    sessionId: resume ? last.sessionId : context.newSessionId(),
    model: modelFor(policy.models, record.task, context.identity.role),
    startedAt: new Date(clock.now()).toISOString(),
    supervisor: null,
    ended: null,
  }
}

/** Starts, adopts or harvests the attempt, whichever its files call for, and reads it to its end. */
async function followAttempt(
  attempt: AttemptRecord,
  foundAtStart: boolean,
  record: RunRecord,
  context: RunnerContext,
  lost: AbortSignal,
): Promise<AttemptEnd> {
  const { supervision, agent, stops, emit } = context
  const { runId } = record
  const state = supervision.inspect(runId, attempt.number)
  if (foundAtStart) emit(recoveryEvent(attempt, state.state), runId)
  if (state.state === 'never_started') {
    const spec = attemptSpec(attempt, record, context)
    attempt.supervisor = await supervision.start(spec)
    const pid = attempt.supervisor?.pid ?? null
    const { number, mode, model, sessionId } = attempt
    emit({ type: 'attempt_started', attempt: number, mode, model, sessionId, pid, deadlineMs: spec.deadlineMs }, runId)
  }
  await markMentionsRead(record, context)
  const reader = agent.reader()
  // Lines that an earlier runner has told already are read again for the sums, but not told again.
  let told = foundAtStart ? eventsTold(record, attempt.number, context) : 0
  const onLine = (line: string) => {
    for (const event of reader.read(line)) {
      if (told > 0) told--
      else emit(event, runId)
    }
  }
  const cut = AbortSignal.any([stops.leaving, lost])
  try {
    const exit = await supervision.follow(runId, attempt.number, onLine, cut)
    return reader.end(exit ?? vanished(attempt), supervision.stderr(runId, attempt.number))
  } catch (error) {
    if (!cut.aborted || stops.detaching.aborted) throw error
    await supervision.stop(runId, attempt.number)
    // What it wrote on its way out is read too: it may have finished just then.
    const exit = await supervision.follow(runId, attempt.number, onLine, AbortSignal.timeout(5_000))
    const ended = reader.end(exit ?? vanished(attempt), supervision.stderr(runId, attempt.number))
    if (lost.aborted) return { ...ended, reason: lost.reason as 'lost' | 'cancelled' }
    return end(ended.reason).next === 'report' ? ended : { ...ended, reason: 'stopped' }
  }
}

function attemptSpec(attempt: AttemptRecord, record: RunRecord, context: RunnerContext): AttemptSpec {
  const { policy, agent, files } = context
  const budget = budgetUsd(record, policy)
  const cwd = record.workspace!.path
  return {
    version: 1,
    runId: record.runId,
    attempt: attempt.number,
    command: agent.command({
      mode: attempt.mode,
      sessionId: attempt.sessionId,
      model: attempt.model,
      maxCostUsd: budget === null ? null : Math.max(0.01, budget - spent(record).costUsd),
      verdict: rolePolicy(policy, context.identity.role).verdict,
      cwd,
    }),
    cwd,
    promptFile: `${files.folder(record.runId)}/${promptName(attempt.number)}`,
    resultLine: agent.resultLine,
    deadlineMs: policy.deadlineMs,
    silentAfterMs: policy.silentAfterMs,
    resultGraceMs: policy.resultGraceMs,
    killGraceMs: policy.killGraceMs,
  }
}

const promptName = (attempt: number) => (attempt === 1 ? 'prompt.md' : `prompt-${attempt}.md`)

/** Supervisor and agent are gone without an exit record: both were killed, or the machine went down. */
function vanished(attempt: AttemptRecord): ExitRecord {
  const message = 'the agent and its supervisor were killed'
  const endedAt = new Date().toISOString()
  return { version: 1, code: null, signal: 'SIGKILL', cause: null, message, startedAt: attempt.startedAt, endedAt, durationMs: 0 }
}

function recoveryEvent(attempt: AttemptRecord, state: 'never_started' | 'alive' | 'exited' | 'gone') {
  const n = attempt.number
  const found = {
    never_started: { decision: 'continued', message: `attempt ${n} was decided but not started: starting it` },
    alive: { decision: 'adopted', message: `attempt ${n} is alive: following it; the agent did not notice` },
    exited: { decision: 'harvested', message: `attempt ${n} ended while no runner was there: going on with its outcome` },
    gone: {
      decision: 'resumed',
      message: `attempt ${n} was killed with its supervisor: what is left of it is ended, then its session is resumed`,
    },
  } as const
  return { type: 'recovered', ...found[state] } as const
}

const AGENT_EVENTS = new Set(['agent_ready', 'agent_thinking', 'agent_text', 'tool_used', 'tool_result'])

function eventsTold(record: RunRecord, attempt: number, context: RunnerContext): number {
  let current = 0
  let told = 0
  for (const event of context.files.events(record.runId)) {
    if (event.type === 'attempt_started') current = event.attempt
    else if (current === attempt && AGENT_EVENTS.has(event.type)) told++
  }
  return told
}

/** When the next attempt may start, by the table; null for at once. */
function pauseUntil(ended: AttemptEnd, record: RunRecord, { clock, policy, random }: RunnerContext): number | null {
  const { wait } = end(ended.reason)
  if (wait === 'reset') return ended.resetsAt ?? clock.now() + policy.usageLimitWaitMs
  if (wait === 'backoff') return clock.now() + backoff(spent(record).failures, random())
  return null
}

/** Waits until the attempt may start. A drain ends the wait and keeps the task: nothing runs that would have to be finished. */
async function pause(record: RunRecord, { clock, stops, emit }: RunnerContext, lost: AbortSignal): Promise<void> {
  if (record.notBefore === null || record.notBefore <= clock.now()) return
  const reason = record.attempts.at(-1)?.ended?.reason
  emit({ type: 'waiting', message: reason ? end(reason).says : 'waiting', untilMs: record.notBefore }, record.runId)
  const cut = AbortSignal.any([stops.draining, lost])
  // In short pieces by the wall clock, since the time to wait for is one of the wall clock.
  while (record.notBefore > clock.now() && !cut.aborted)
    await clock.sleep(Math.min(10_000, record.notBefore - clock.now()), cut).catch(() => {})
  if (stops.draining.aborted) throw new RunnerError('ABORTED', 'stopped while waiting; the task is kept')
}

async function readMentions(record: RunRecord, context: RunnerContext): Promise<Mention[]> {
  try {
    const mentions = await context.tracker.mentions(context.identity, context.stops.leaving)
    record.mentions = mentions.map(mention => mention.id)
    return mentions
  } catch (error) {
    context.emit({ type: 'warning', message: `mentions could not be read: ${(error as Error).message}` }, record.runId)
    return []
  }
}

/** Only after the start: mentions that no agent has seen stay unread. Best effort, since reading twice harms nothing. */
async function markMentionsRead(record: RunRecord, context: RunnerContext): Promise<void> {
  if (record.mentions.length === 0) return
  try {
    await context.tracker.markRead(context.identity, record.mentions, context.stops.leaving)
    record.mentions = []
  } catch (error) {
    context.emit({ type: 'warning', message: `mentions could not be marked read: ${(error as Error).message}` }, record.runId)
  }
}

async function changedSoFar(workspace: WorkspaceRecord, record: RunRecord, context: RunnerContext): Promise<string> {
  const request = { runId: record.runId, task: record.task, agentId: context.identity.id, inherited: record.inherited }
  const work = await context.workspaces.collect(workspace, request, false)
  const commits = work.commits.map(commit => `commit ${commit.sha.slice(0, 10)} ${commit.subject}`)
  const files = work.files.map(file => `${file.path} (+${file.added ?? '?'} -${file.removed ?? '?'})`)
  return [...commits, ...files, ...work.remarks].slice(0, 60).join('\n')
}
