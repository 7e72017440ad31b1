import { backoff } from '../core/backoff.ts'
import { end } from '../core/ends.ts'
import { asRunnerError, RunnerError } from '../core/errors.ts'
import { outageWait, outageWords } from '../core/outage.ts'
import { ownsRunId, type RunRecord } from '../core/run.ts'
import type { RunnerContext } from './context.ts'
import { type Health, startHealth } from './health.ts'
import { untilAnswered } from './retry.ts'
import { newRun } from './run-in-hand.ts'
import { sharedWith } from './taken-over.ts'
import { runTask } from './task-run.ts'
import { waitOut } from './waiting.ts'

/** Exit code of `--single-task` when there was no task to take. */
export const NOTHING_TO_DO = 14
/** How long unfinished work waits at most until the tracker has registered us again. */
const TRY_MS = 5_000
/** Exit code of a single task that the runner did not begin or finish because it was asked to end. */
const STOPPED = 12

/**
 * The life of a runner: unfinished work first, then health, next task, task, and again. Resolves with the exit code and how many tasks
 * came to an end. Outlives trackers that are away, bad tasks, full disks and failing hooks; every repeated failure backs off.
 */
export async function runLoop(given: RunnerContext, mode: { single: boolean }): Promise<{ exitCode: number; tasks: number }> {
  const { policy } = given
  // Whoever asks for one task waits for its end, so an outage is not waited out for ever.
  const context = mode.single ? { ...given, policy: { ...policy, outageTries: policy.maxAttempts } } : given
  const { journal, stops, clock } = context
  const health = startHealth(context)
  const life: Life = { mode, health, registration: new Registration(context), failures: 0, idle: false, tasks: 0 }
  try {
    for (;;) {
      const round = await oneRound(life, context).catch(thrown => afterFailure(thrown, life, context))
      if (typeof round === 'number') return { exitCode: round, tasks: life.tasks }
      if (round === 'idle') continue
      if (life.failures > 0) await clock.sleep(backoff(life.failures, context.random()), stops.draining).catch(() => {})
      if (stops.draining.aborted && !journal.load().record) return { exitCode: onRequest(life, context), tasks: life.tasks }
    }
  } finally {
    health.end()
  }
}

/** What a runner remembers from one round to the next. */
interface Life {
  readonly mode: { single: boolean }
  readonly health: Health
  readonly registration: Registration
  /** Failures in a row, of whatever kind: each one makes the next pause longer. */
  failures: number
  /** The runner has said that there is nothing to do. */
  idle: boolean
  /** How many tasks came to an end. */
  tasks: number
}

/** How a round ends: with the exit code of the runner, without a task, or so that the next round follows. */
type Round = number | 'idle' | 'next'

/** Takes unfinished work or a new task to its end. */
async function oneRound(life: Life, context: RunnerContext): Promise<Round> {
  const { mode, health, registration } = life
  const found = unfinished(context)
  if (found) await registration.tried()
  const record = found ?? (await nextTask(context, mode, health, registration, life.idle))
  if (!record) {
    if (mode.single) return NOTHING_TO_DO
    if (!life.idle) context.emit({ type: 'idle', message: 'no task for this agent; waiting', nextLookInMs: context.policy.taskCheckMs })
    life.idle = true
    return 'idle'
  }
  life.idle = false
  const done = await runTask(record, context)
  const { next, exitCode } = end(done.reason)
  if (!done.notOurs) life.tasks++
  if (done.claiming === 'stops') return exitCode || STOPPED
  if (mode.single && !done.notOurs) return exitCode
  life.failures = next === 'report' ? 0 : life.failures + 1
  // The machine may be the reason why this task could not begin. Then the tasks behind it stay in the queue.
  if (next === 'give_back') health.doubt()
  return 'next'
}

/** How a round ends that failed. Throws what only a person can mend. */
function afterFailure(thrown: unknown, life: Life, context: RunnerContext): Round {
  const error = asRunnerError(thrown)
  if (error.code === 'ABORTED') return onRequest(life, context)
  // While draining, nothing is tried again: unfinished work waits for the next start.
  if (life.mode.single || fatal(error) || context.stops.draining.aborted) throw error
  life.failures++
  if (error.code === 'TRACKER_REFUSED') life.registration.renew()
  context.emit({ type: 'warning', message: error.message, advice: error.advice })
  return 'next'
}

/** Whoever asked for one task must not take it for done. Whoever hands the agent to the next start knows that it is not. */
const onRequest = ({ mode }: Life, { stops }: RunnerContext) => (mode.single && !stops.detaching.aborted ? STOPPED : 0)

/** Whether only a person can mend the failure: the runner says so and ends. */
const fatal = (error: RunnerError) => error.kind === 'usage' || error.code === 'TRACKER_UNAUTHORISED' || error.code === 'AGENT_BUSY'

/** The run that an earlier runner, or an earlier failure of this one, left; it goes on where its journal stands. */
function unfinished(context: RunnerContext): RunRecord | null {
  const { record, setAside } = context.journal.load()
  if (setAside) {
    const message = `the lock file could not be read and was set aside: ${setAside}`
    context.emit({ type: 'recovered', decision: 'set_aside', message })
  }
  if (!record) return null
  const { tracker, identity } = context
  if (record.tracker.url !== '' && (record.tracker.url !== tracker.url || record.tracker.name !== tracker.name))
    throw new RunnerError(
      'CONFIG_INVALID',
      `the unfinished task ${record.task.id} of ${identity.id} belongs to ${record.tracker.name} at ${record.tracker.url}, not to ${tracker.name} at ${tracker.url}`,
      { advice: 'Start the runner once with that tracker so that it can finish the task.' },
    )
  // The role decides what the work ends in. The older runner wrote the task's role, which is not always its agent's.
  if (record.tracker.url !== '' && record.agent.role !== identity.role)
    throw new RunnerError(
      'CONFIG_INVALID',
      `the unfinished task ${record.task.id} of ${identity.id} was taken as ${record.agent.role}, not as ${identity.role}`,
      { advice: `Start the runner once with --role ${record.agent.role} so that it can finish the task.` },
    )
  // A lock file of the older runner knows neither tracker nor role.
  if (record.tracker.url === '') record.tracker = { name: tracker.name, url: tracker.url }
  if (record.task.role === '') record.task.role = identity.role
  const step = record.steps.at(-1)
  const where = step ? `${step.finishedAt ? 'after' : 'in'} the step ${step.name}` : 'with nothing known of how far it got'
  const isOurs = ownsRunId(record) && sharedWith(record, context) === null
  const message = `task ${record.task.id} was left ${where}: going on`
  context.emit({ type: 'recovered', decision: 'continued', message }, isOurs ? record.runId : undefined)
  return record
}

async function nextTask(
  context: RunnerContext,
  mode: { single: boolean },
  health: Health,
  registration: Registration,
  idle: boolean,
): Promise<RunRecord | null> {
  const { stops, tracker, identity, policy } = context
  // A task that would only wait with us is better left to others.
  await waitOut(
    () => context.usageLimit.until(),
    () => outageWords({ reason: 'usage_limit', said: '' }),
    context,
    stops.draining,
  )
  await waitOut(
    () => outageWait(context.breaker.current()),
    () => outageWords(context.breaker.current()!),
    context,
    stops.draining,
  )
  if (stops.draining.aborted) throw new RunnerError('ABORTED', 'asked to end')
  await registration.fresh()
  if (!mode.single) await health.healthy()
  // The first look does not wait, so that the runner can say at once that it waits.
  const wait = mode.single || !idle ? 0 : policy.taskCheckMs / 1000
  const looking = untilAnswered(
    'looking for a task',
    context,
    () => tracker.look(identity, wait, stops.draining),
    mode.single ? 3 : undefined,
  )
  // A look takes no task, so it need not wait for the verdict.
  const [task, healthy] = await Promise.all([looking, mode.single ? health.verdict() : true])
  if (!healthy) throw new RunnerError('UNHEALTHY', 'the health check failed; no task was taken')
  if (!task) return null
  // Check this before the task is taken, so that a CLI that is missing or just being replaced costs no task its place.
  if (!task.plan?.parts || task.plan.parts.some(part => part.command === null)) context.agent.ensureThere()
  return newRun(task, context)
}

/** Keeps the agent registered at the tracker: at the start, and again when the last time is a heartbeat ago. */
class Registration {
  readonly #context: RunnerContext
  #at: number | null = null

  constructor(context: RunnerContext) {
    this.#context = context
  }

  /** At the very start an unreachable tracker is an error of the start; later it is waited for. */
  async fresh(): Promise<void> {
    const { clock, policy, tracker, identity } = this.#context
    if (this.#at !== null && clock.uptime() - this.#at < policy.heartbeatMs) return
    const tries = this.#at === null ? 3 : undefined
    await untilAnswered('registering the agent', this.#context, signal => tracker.register(identity, signal), tries)
    this.#at = clock.uptime()
  }

  /**
   * Registers before unfinished work goes on, because otherwise a lock expires, and a tracker that forgot us refuses us. Tries once,
   * since following a live agent must not wait for a tracker that is away.
   */
  async tried(): Promise<void> {
    const { policy, clock, tracker, identity, stops, emit } = this.#context
    if (this.#at !== null && clock.uptime() - this.#at < policy.heartbeatMs) return
    try {
      await tracker.register(identity, AbortSignal.any([stops.leaving, AbortSignal.timeout(TRY_MS)]))
      this.#at = clock.uptime()
    } catch (error) {
      if (!stops.leaving.aborted) emit({ type: 'warning', message: `registering the agent: ${asRunnerError(error).message}` })
    }
  }

  /** The tracker has forgotten us, perhaps with its database. */
  renew(): void {
    this.#at = null
  }
}
