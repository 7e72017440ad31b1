import { end } from '../../core/ends.ts'
import type { RunnerEvent } from '../../core/event.ts'
import { rolePolicy } from '../../core/policy.ts'
import type { Agent, ExitRecord } from '../../core/ports/agent.ts'
import type { AttemptSpec } from '../../core/ports/supervision.ts'
import type { AttemptEnd, AttemptRecord, RunRecord } from '../../core/run.ts'
import type { RunnerContext } from '../context.ts'
import { budgetUsd, isCommand, partsOf, spent } from './attempt-choice.ts'
import { markMentionsRead } from './mentions.ts'
import { isToStop } from './wishes.ts'

/** Starts, adopts or harvests the attempt, whichever its files call for, and reads it to its end. */
export async function followAttempt(
  attempt: AttemptRecord,
  foundAtStart: boolean,
  record: RunRecord,
  context: RunnerContext,
  lost: AbortSignal,
  interrupt: AbortSignal,
  save: (durable?: 'before' | 'beside') => void,
): Promise<AttemptEnd> {
  const { supervision, stops, emit } = context
  const { runId } = record
  const state = supervision.inspect(runId, attempt.number)
  if (foundAtStart) emit(recoveryEvent(attempt, state.state), runId)
  if (state.state === 'never_started') attempt.supervisor = await supervision.start(attemptSpec(attempt, record, context))
  else if (state.state === 'alive') attempt.supervisor = state.supervisor
  let told = eventsTold(attempt.number, record, context)
  if (told === null) emit(startEvent(attempt, record, context), runId)
  // The supervisor's identity is in its own file too.
  save('beside')
  if (await markMentionsRead(record, context)) save()

  /** Reads the output from its start. What was announced before is read again for the sums, but not announced again. */
  const read = async (signal: AbortSignal) => {
    const verbose = record.task.plan?.verbose || context.policy.verbose
    const reader = agentFor(attempt, record, context).reader({ mode: attempt.mode, verbose })
    let seen = 0
    const onLine = (line: string) => {
      for (const event of reader.read(line)) {
        if (++seen <= (told ?? 0)) continue
        told = seen
        emit(event, runId)
      }
    }
    const exit = await supervision.follow(runId, attempt.number, onLine, signal)
    return { exit, end: () => reader.end(exit ?? vanished(attempt), supervision.stderr(runId, attempt.number)) }
  }

  const cut = AbortSignal.any([stops.leaving, lost, interrupt])
  try {
    const first = await read(cut)
    // Stopped, but not by us: somebody else ended the supervisor.
    if (first.exit) return foundAtStart ? first.end() : unasked(first.end())
    // No supervisor watches what is left of the attempt. It may have printed its result before.
    await supervision.sweep(runId)
    return (await read(AbortSignal.timeout(LAST_WORDS_MS))).end()
  } catch (error) {
    if (!cut.aborted || stops.detaching.aborted) throw error
  }
  // Whoever made the request gets what they want soon, even if the agent ignores TERM.
  await supervision.stop(runId, attempt.number, interrupt.aborted ? context.policy.wishGraceMs : undefined)
  // Read also what it wrote on its way out: it may have finished just then.
  const ended = (await read(AbortSignal.timeout(LAST_WORDS_MS))).end()
  if (lost.aborted) return { ...ended, reason: lost.reason as 'lost' | 'cancelled' }
  // It may have finished just then. Then its result counts, whatever else was requested.
  if (end(ended.reason).next === 'report') return ended
  return { ...ended, reason: stops.leaving.aborted ? 'stopped' : interruption(record) }
}

function startEvent(attempt: AttemptRecord, record: RunRecord, context: RunnerContext): RunnerEvent {
  const { number, mode, model, sessionId, supervisor, directives } = attempt
  const deadlineMs = deadlineOf(attempt, record, context)
  return { type: 'attempt_started', attempt: number, mode, model, sessionId, pid: supervisor?.pid ?? null, deadlineMs, directives }
}

const unasked = (ended: AttemptEnd): AttemptEnd => (ended.reason === 'stopped' ? { ...ended, reason: 'killed' } : ended)

/** Why an attempt was interrupted by a wish. */
function interruption(record: RunRecord): 'ended_on_request' | 'paused' | 'directed' {
  if (isToStop(record)) return 'ended_on_request'
  return record.paused ? 'paused' : 'directed'
}

/** Reading the output of a dead attempt takes a moment; this limit is for a disk that hangs. */
const LAST_WORDS_MS = 30_000

/** The program that does an attempt: the agent CLI, or a shell when its part is a command. */
function agentFor(attempt: AttemptRecord, record: RunRecord, context: RunnerContext): Agent {
  return isCommand(attempt.part, record) ? context.shell : context.agent
}

function attemptSpec(attempt: AttemptRecord, record: RunRecord, context: RunnerContext): AttemptSpec {
  const { policy, files } = context
  const { plan } = record.task
  const agent = agentFor(attempt, record, context)
  const deadlineMs = deadlineOf(attempt, record, context)
  const isLast = attempt.part + 1 === partsOf(record)
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
      // Of several parts the last one gives the verdict.
      verdict: isLast && rolePolicy(policy, context.identity.role).verdict,
      maxTurns: plan?.maxTurns ?? null,
      dryRun: plan?.dryRun ?? false,
      cwd,
    }),
    cwd,
    promptFile: `${files.folder(record.runId)}/${promptName(attempt.number)}`,
    resultLine: agent.resultLine,
    deadlineMs,
    // A command may well be silent until its deadline; a silent agent has come to a halt.
    silentAfterMs: agent === context.shell ? deadlineMs : policy.silentAfterMs,
    resultGraceMs: policy.resultGraceMs,
    killGraceMs: policy.killGraceMs,
  }
}

/** How long an attempt may take, in milliseconds: what its part says, else its plan, else the configuration. */
function deadlineOf(attempt: AttemptRecord, { task: { plan } }: RunRecord, { policy }: RunnerContext): number {
  return plan?.parts?.[attempt.part]?.timeoutMs ?? plan?.timeoutMs ?? policy.deadlineMs
}

/** The file in the run's folder that holds an attempt's prompt. */
export const promptName = (attempt: number) => (attempt === 1 ? 'prompt.md' : `prompt-${attempt}.md`)

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

/** How many events of the attempt's output are in the timeline already; null when not even its start is. */
function eventsTold(attempt: number, record: RunRecord, context: RunnerContext): number | null {
  let current = 0
  let told: number | null = null
  for (const event of context.files.events(record.runId)) {
    if (event.type === 'attempt_started') {
      current = event.attempt
      if (current === attempt) told ??= 0
    } else if (told !== null && current === attempt && AGENT_EVENTS.has(event.type)) told++
  }
  return told
}
