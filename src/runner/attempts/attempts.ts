import { ASK_AGAIN_MS, backoff, LONGEST_LIMIT_MS, outagePause } from '../../core/backoff.ts'
import { type EndReason, end } from '../../core/ends.ts'
import { RunnerError } from '../../core/errors.ts'
import { outageWords } from '../../core/outage.ts'
import { modelFor, rolePolicy } from '../../core/policy.ts'
import type { Clock } from '../../core/ports/clock.ts'
import type { AttemptEnd, AttemptRecord, RunRecord, WorkspaceRecord } from '../../core/run.ts'
import { anchored, type Wait, waitOf } from '../../core/wait.ts'
import type { RunnerContext } from '../context.ts'
import { untilAnswered } from '../retry.ts'
import { attemptTakenOver } from '../taken-over.ts'
import { waitOut } from '../waiting.ts'
import { type AttemptChoice, chooseAttempt, isCommand, partsOf, spent } from './attempt-choice.ts'
import { followAttempt, promptName } from './following.ts'
import { readMentions } from './mentions.ts'
import { firstPrompt, laterPrompt, type PromptParts, partPrompt } from './prompt.ts'
import type { Steering } from './steering.ts'
import { halts, isToStop, undelivered } from './wishes.ts'

/** How long a proof that the task is ours stays valid, in milliseconds. A lock lives for many minutes. */
const PROOF_MS = 3_000

/**
 * Attempts until there is an outcome: start, follow, resume. The journal is saved before every start, so that after any
 * death the next runner adopts what lives, harvests what ended, and starts nothing twice.
 * Resolves with the reason that stands. Throws ABORTED when the task is kept for the next start. `provenAt`: when the task was last proven
 * to be ours, on the boot clock; `lost` fires when it no longer is.
 */
export async function runAttempts(
  record: RunRecord,
  context: RunnerContext,
  save: (durable?: 'before' | 'beside') => void,
  provenAt: number | null,
  lost: AbortSignal,
  steering: Steering,
): Promise<EndReason> {
  const work: AgentStep = { record, context, save, provenAt, lost, steering, found: record.attempts.length }
  for (;;) {
    const choice = chooseAttempt(record, context.policy)
    if (choice.do === 'finish') return choice.reason
    const notOurs =
      choice.do === 'rest'
        ? await rest(work)
        : choice.do === 'follow'
          ? await followOne(choice.attempt, work)
          : await startOne(choice, work)
    if (notOurs) return notOurs
  }
}

/** Why the task is not ours any more; null while it is. */
type NotOurs = 'cancelled' | 'lost' | null

/** What the parts of the agent step share. */
interface AgentStep {
  record: RunRecord
  context: RunnerContext
  save: (durable?: 'before' | 'beside') => void
  provenAt: number | null
  lost: AbortSignal
  steering: Steering
  /** So many attempts at the front of the journal were decided on by an earlier runner. */
  found: number
}

/** Follows an attempt to its end and writes that down. */
async function followOne(attempt: AttemptRecord, work: AgentStep): Promise<NotOurs> {
  const { record, context, save, lost, steering } = work
  const foundNow = record.attempts.indexOf(attempt) < work.found
  // An earlier runner decided on this attempt and was killed before it started it. The task may have changed hands since.
  if (foundNow && context.supervision.inspect(record.runId, attempt.number).state === 'never_started') {
    const notOurs = await keepTask(record, context)
    if (notOurs) return notOurs
    // Somebody may have removed its files while the agent is still alive.
    await context.supervision.takeOver(record.runId)
    if (context.files.read(record.runId, promptName(attempt.number)) === null) {
      record.attempts.pop()
      work.found--
      return null
    }
    await restoreWorkspace(record, context)
  }
  const ended = blamed(await followAttempt(attempt, foundNow, record, context, lost, steering.interrupt(), save), record)
  attempt.ended = ended
  record.notBefore = pauseAfter(attempt, ended, record, context)
  save('beside')
  shareLimit(ended, record, context)
  context.emit({ type: 'attempt_ended', attempt: attempt.number, end: ended }, record.runId)
  announcePart(attempt, record, context)
  // If an earlier runner asked for this end, the present one goes on.
  if (ended.reason === 'stopped' && context.stops.leaving.aborted)
    throw new RunnerError('ABORTED', 'the agent was stopped; the task is kept')
  return null
}

/** Waits until an attempt may begin, and writes down that it does. Somebody may want the run to halt meanwhile; then nothing begins. */
async function startOne(choice: AttemptChoice & { do: 'start' }, work: AgentStep): Promise<NotOurs> {
  const { record, context, save, provenAt, lost, steering } = work
  // A directive does not end a wait.
  await pause(record, context, AbortSignal.any([lost, steering.halt()]))
  if (halts(record)) return null
  if (lost.aborted) return lost.reason as NotOurs
  // Spend tokens only when the task is still ours and everything of the last attempt is proven gone.
  const fresh = record.attempts.length === 0 && provenAt !== null && context.clock.uptime() - provenAt < PROOF_MS
  const notOurs = fresh ? null : await keepTask(record, context)
  if (notOurs) return notOurs
  // Without an attempt on record, nothing of the run can be alive: the claim ended what others had left.
  if (record.attempts.length > 0) {
    await context.supervision.takeOver(record.runId)
    await restoreWorkspace(record, context)
  }
  const attempt = await prepareAttempt(choice, record, context)
  if (halts(record)) return null
  record.attempts.push(attempt)
  save()
  return null
}

/** Makes a workspace anew that somebody has removed; a missing folder would look like a missing agent CLI. */
async function restoreWorkspace(record: RunRecord, context: RunnerContext): Promise<void> {
  const { runId, task, inherited } = record
  const request = { runId, task, inherited, agentId: context.identity.id }
  record.workspace = await context.workspaces.restore(record.workspace!, request)
}

/** Keeps session and workspace and does nothing until the run is resumed or stopped. */
async function rest({ record, context: { stops }, steering, lost }: AgentStep): Promise<NotOurs> {
  steering.show()
  const cut = AbortSignal.any([stops.draining, lost])
  while (record.paused && !isToStop(record) && !cut.aborted) await steering.next(cut).catch(() => {})
  if (stops.draining.aborted) throw new RunnerError('ABORTED', 'stopped while paused; the task is kept')
  return lost.aborted ? (lost.reason as NotOurs) : null
}

/** Makes sure that the task is still ours, and takes it again when its lock has expired. */
async function keepTask(record: RunRecord, context: RunnerContext): Promise<NotOurs> {
  const { tracker, identity } = context
  const holding = await untilAnswered('asking whether the task is still ours', context, signal =>
    tracker.holding(identity, record.task, signal),
  )
  if (holding === 'ours') return null
  if (holding === 'finished' || holding === 'gone') return 'cancelled'
  const claimed = await untilAnswered('taking the task again', context, signal =>
    tracker.claim(identity, record.task, record.runId, signal),
  )
  return claimed === 'taken' ? 'lost' : null
}

/** Writes the prompt and decides how the attempt begins. Nothing runs yet. */
async function prepareAttempt(choice: AttemptChoice & { do: 'start' }, record: RunRecord, context: RunnerContext): Promise<AttemptRecord> {
  const last = record.attempts.at(-1)
  const command = record.task.plan?.parts?.[choice.part]?.command ?? null
  const takenOver = last || command ? null : attemptTakenOver(record, choice.part, context)
  const resumed = takenOver ?? (command ? null : sessionToResume(choice, record, context))
  const number = (last?.number ?? context.supervision.latest(record.runId)) + 1
  // The agent that was at work when the run was taken over was killed.
  const after = takenOver ? 'killed' : choice.after
  const prompt = command ? `${command}\n` : await promptFor({ part: choice.part, after, resumes: resumed !== null }, record, context)
  context.files.write(record.runId, promptName(number), prompt)
  return {
    number,
    mode: resumed ? 'resume' : 'fresh',
    part: choice.part,
    sessionId: resumed?.sessionId ?? context.newSessionId(),
    model: modelFor(context.policy.models, record.task, context.identity.role),
    startedAt: new Date(context.clock.now()).toISOString(),
    supervisor: null,
    directives: undelivered(record).map(wish => wish.id),
    ended: null,
  }
}

/** The attempt whose session goes on; null for a session of its own. Commands have none, so it is the one that the agent had before them. */
function sessionToResume(choice: AttemptChoice & { do: 'start' }, record: RunRecord, { agent }: RunnerContext): AttemptRecord | null {
  const spoken = record.attempts.findLast(attempt => !isCommand(attempt.part, record))
  return choice.session === 'resume' && spoken && agent.canResume(spoken.sessionId, record.workspace!.path) ? spoken : null
}

/** What the agent is told: the task, the next part of it, or how to go on `after` an attempt that ended so. */
async function promptFor(
  { part: number, after, resumes }: { part: number; after: EndReason | null; resumes: boolean },
  record: RunRecord,
  context: RunnerContext,
): Promise<string> {
  const { policy, identity } = context
  const part = record.task.plan?.parts?.[number]
  const last = record.attempts.at(-1)
  const isFirst = record.attempts.every(attempt => isCommand(attempt.part, record))
  const directives = undelivered(record)
  const parts: PromptParts & { directives: typeof directives } = {
    ...{ identity, task: record.task, roleInstructions: policy.roleInstructions, workspace: record.workspace!, directives },
    mentions: !isFirst || after ? [] : await readMentions(record, context),
    verdict: rolePolicy(policy, identity.role).verdict,
    part: part ? { goal: part.goal ?? '', number: number + 1, of: partsOf(record) } : null,
  }
  if (!after) return resumes ? partPrompt(parts) : firstPrompt(parts)
  const changed = await changedSoFar(record.workspace!, record, context)
  return laterPrompt(parts, { session: resumes ? 'resume' : 'afresh', after, lastText: last?.ended?.text ?? '', changed, directives })
}

/** Tells that a part of the plan is done. */
function announcePart({ part, ended }: AttemptRecord, record: RunRecord, { emit }: RunnerContext): void {
  const parts = record.task.plan?.parts
  if (!parts || !ended || end(ended.reason).next !== 'report') return
  emit({ type: 'part_finished', part: part + 1, of: parts.length, name: parts[part]!.name }, record.runId)
}

/** When the task names the model, a wrong model is the task's fault and no reason to stop for all others. */
function blamed(ended: AttemptEnd, { task }: RunRecord): AttemptEnd {
  return ended.reason === 'unknown_model' && task.model !== null ? { ...ended, reason: 'wrong_model' } : ended
}

/** How long to wait before the next attempt, by the table; null for not at all. Also counts what the end says about the surroundings. */
function pauseAfter(attempt: AttemptRecord, ended: AttemptEnd, record: RunRecord, context: RunnerContext): Wait | null {
  const { clock, policy, random, breaker } = context
  const { wait, surroundings } = end(ended.reason)
  if (surroundings === 'fail' && wait === 'backoff')
    return breaker.failed({ reason: ended.reason, said: ended.text, taskId: record.task.id }, n => outagePause(n, random())).wait
  if (!isCommand(attempt.part, record) && (surroundings === 'work' || ended.toolCalls > 0)) breaker.mended()
  if (wait === 'reset') return waitOf(untilReset(attempt, ended.resetsAt, clock) ?? policy.usageLimitWaitMs, clock)
  if (wait === 'backoff') return waitOf(backoff(spent(record).failures, random()), clock)
  return null
}

/** Many clocks are wrong by less than this. */
const CLOCK_SLACK_MS = 60_000

/**
 * How long the limit lasts, in milliseconds; null when nobody knows. A time that had passed before the attempt began, or that is further
 * away than any limit, counts as unknown: it only shows that the wall clock here is wrong.
 */
function untilReset({ startedAt }: AttemptRecord, resetsAt: number | null, clock: Clock): number | null {
  if (resetsAt === null) return null
  const ahead = Date.parse(startedAt) - resetsAt
  if (ahead > 0) return ahead < CLOCK_SLACK_MS ? CLOCK_SLACK_MS : null
  const left = resetsAt - clock.now()
  return left > LONGEST_LIMIT_MS ? null : Math.min(ASK_AGAIN_MS, Math.max(0, left))
}

/** Makes every runner of the account wait too, unless only this model is limited. */
function shareLimit(ended: AttemptEnd, record: RunRecord, { usageLimit }: RunnerContext): void {
  if (end(ended.reason).wait === 'reset' && record.notBefore !== null && !ended.ofModelAlone) usageLimit.reached(record.notBefore)
}

/** Waits until the attempt may start. A drain ends the wait and keeps the task: nothing runs that would have to be finished. */
async function pause(record: RunRecord, context: RunnerContext, lost: AbortSignal): Promise<void> {
  const { stops, usageLimit, clock } = context
  const cut = AbortSignal.any([stops.draining, lost])
  const ended = record.attempts.at(-1)?.ended
  record.notBefore &&= anchored(record.notBefore, clock)
  let waited = await waitOut(
    () => record.notBefore,
    () => (ended ? whyItWaits(ended) : { message: 'waiting' }),
    context,
    cut,
    record.runId,
  )
  // Another runner may have met the account's limit meanwhile.
  const limited = () => outageWords({ reason: 'usage_limit', said: '' })
  if (waited === 'over') waited = await waitOut(() => usageLimit.until(), limited, context, cut, record.runId)
  if (waited === 'cut' && stops.draining.aborted) throw new RunnerError('ABORTED', 'stopped while waiting; the task is kept')
}

/** How many commits and files a new session is told of, one line each. */
const TOLD = 60

/** Says what stands in the way. The agent's own words are in the timeline. */
function whyItWaits({ reason, text }: AttemptEnd) {
  const { surroundings, says } = end(reason)
  return surroundings === 'fail' ? outageWords({ reason, said: text }) : { message: says }
}

async function changedSoFar(workspace: WorkspaceRecord, record: RunRecord, context: RunnerContext): Promise<string> {
  const request = { runId: record.runId, task: record.task, agentId: context.identity.id, inherited: record.inherited }
  const work = await context.workspaces.collect(workspace, request, false)
  const commits = work.commits.map(commit => `commit ${commit.sha.slice(0, 10)} ${commit.subject}`)
  const files = work.files.map(file => `${file.path} (+${file.added ?? '?'} -${file.removed ?? '?'})`)
  const told = [...commits, ...files]
  const more = told.length + (work.more?.files ?? 0) - TOLD
  return [...told.slice(0, TOLD), ...(more > 0 ? [`… and ${more.toLocaleString('en')} more`] : []), ...work.remarks.slice(0, TOLD)].join(
    '\n',
  )
}
