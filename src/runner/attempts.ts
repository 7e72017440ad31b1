import { ASK_AGAIN_MS, backoff, LONGEST_LIMIT_MS, outagePause } from '../core/backoff.ts'
import { type EndReason, end } from '../core/ends.ts'
import { RunnerError } from '../core/errors.ts'
import { outageWords } from '../core/outage.ts'
import { modelFor, rolePolicy } from '../core/policy.ts'
import type { Clock } from '../core/ports.ts'
import type { AttemptEnd, AttemptRecord, RunRecord, WorkspaceRecord } from '../core/run.ts'
import { anchored, type Wait, waitOf } from '../core/wait.ts'
import { type AttemptChoice, chooseAttempt, isCommand, partsOf, spent } from './attempt-choice.ts'
import type { RunnerContext } from './context.ts'
import { followAttempt, promptName } from './following.ts'
import { readMentions } from './mentions.ts'
import { firstPrompt, laterPrompt, type PromptParts, partPrompt } from './prompt.ts'
import { untilAnswered } from './retry.ts'
import type { Steering } from './steering.ts'
import { attemptTakenOver } from './taken-over.ts'
import { waitOut } from './waiting.ts'
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
  let found = record.attempts.length
  for (;;) {
    const choice = chooseAttempt(record, context.policy)
    if (choice.do === 'finish') return choice.reason
    if (choice.do === 'rest') {
      const notOurs = await rest(record, context, steering, lost)
      if (notOurs) return notOurs
      continue
    }
    if (choice.do === 'follow') {
      const { attempt } = choice
      const foundNow = record.attempts.indexOf(attempt) < found
      // An earlier runner decided on this attempt and was killed before it started it. The task may have changed hands since.
      if (foundNow && context.supervision.inspect(record.runId, attempt.number).state === 'never_started') {
        const notOurs = await keepTask(record, context)
        if (notOurs) return notOurs
        // Somebody may have removed its files while the agent is still alive.
        await context.supervision.takeOver(record.runId)
        if (context.files.read(record.runId, promptName(attempt.number)) === null) {
          record.attempts.pop()
          found--
          continue
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
      continue
    }
    // A directive does not end a wait.
    await pause(record, context, AbortSignal.any([lost, steering.halt()]))
    if (halts(record)) continue
    if (lost.aborted) return lost.reason as 'lost' | 'cancelled'
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
    if (halts(record)) continue
    record.attempts.push(attempt)
    save()
  }
}

/** Makes a workspace anew that somebody has removed; a missing folder would look like a missing agent CLI. */
async function restoreWorkspace(record: RunRecord, context: RunnerContext): Promise<void> {
  const { runId, task, inherited } = record
  const request = { runId, task, inherited, agentId: context.identity.id }
  record.workspace = await context.workspaces.restore(record.workspace!, request)
}

/** Keeps session and workspace and does nothing until the run is resumed or stopped. Returns why the task is lost, or null. */
async function rest(record: RunRecord, { stops }: RunnerContext, steering: Steering, lost: AbortSignal) {
  steering.show()
  const cut = AbortSignal.any([stops.draining, lost])
  while (record.paused && !isToStop(record) && !cut.aborted) await steering.next(cut).catch(() => {})
  if (stops.draining.aborted) throw new RunnerError('ABORTED', 'stopped while paused; the task is kept')
  if (lost.aborted) return lost.reason as 'lost' | 'cancelled'
  return null
}

/** Makes sure that the task is still ours, and takes it again when its lock has expired. Returns why it is not ours, or null. */
async function keepTask(record: RunRecord, context: RunnerContext): Promise<'cancelled' | 'lost' | null> {
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
  const { agent, policy, clock } = context
  const workspace = record.workspace!
  const part = record.task.plan?.parts?.[choice.part] ?? null
  const last = record.attempts.at(-1)
  // Commands have no session: the agent goes on in the one that it had before them.
  const spoken = record.attempts.findLast(attempt => !isCommand(attempt.part, record))
  const takenOver = last || part?.command ? null : attemptTakenOver(record, choice.part, context)
  const goesOn = !part?.command && choice.session === 'resume' && spoken !== undefined && agent.canResume(spoken.sessionId, workspace.path)
  const resumed = takenOver ?? (goesOn ? spoken : null)
  const number = (last?.number ?? context.supervision.latest(record.runId)) + 1
  const mentions = last || takenOver ? [] : await readMentions(record, context)
  const parts: PromptParts = {
    identity: context.identity,
    task: record.task,
    roleInstructions: policy.roleInstructions,
    workspace,
    mentions,
    verdict: rolePolicy(policy, context.identity.role).verdict,
    part: part && { goal: part.goal ?? '', number: choice.part + 1, of: partsOf(record) },
  }
  const directives = undelivered(record)
  // The agent that was at work when the run was taken over was killed.
  const after = takenOver ? 'killed' : choice.after
  const prompt = part?.command
    ? `${part.command}\n`
    : after
      ? laterPrompt(parts, {
          session: resumed ? 'resume' : 'afresh',
          after,
          lastText: last?.ended?.text ?? '',
          changed: await changedSoFar(workspace, record, context),
          directives,
        })
      : resumed
        ? partPrompt({ ...parts, directives })
        : firstPrompt({ ...parts, directives })
  context.files.write(record.runId, promptName(number), prompt)
  return {
    number,
    mode: resumed ? 'resume' : 'fresh',
    part: choice.part,
    sessionId: resumed?.sessionId ?? context.newSessionId(),
    model: modelFor(policy.models, record.task, context.identity.role),
    startedAt: new Date(clock.now()).toISOString(),
    supervisor: null,
    directives: directives.map(wish => wish.id),
    ended: null,
  }
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
