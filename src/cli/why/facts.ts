import type { Config } from '../../config/config.ts'
import { toPolicy } from '../../config/policy.ts'
import type { StampedEvent } from '../../core/event.ts'
import type { Policy } from '../../core/policy.ts'
import type { Outage } from '../../core/ports/breaker.ts'
import type { AttemptState } from '../../core/ports/supervision.ts'
import type { RunRecord } from '../../core/run.ts'
import type { AgentIdentity, Task } from '../../core/task.ts'
import { endOf } from '../../core/wait.ts'
import { attemptFolder, readAttemptFile } from '../../machine/attempts/attempt-files.ts'
import { type RunProcesses, runProcesses } from '../../machine/attempts/run-processes.ts'
import { attemptState } from '../../machine/attempts/supervision.ts'
import { lockFilePath, readLockFile } from '../../machine/journal/lock-file.ts'
import { openRunFiles } from '../../machine/journal/run-files.ts'
import { systemClock } from '../../machine/limits/clock.ts'
import { type GuardHolder, guardHolder } from '../../machine/locks/agent-guard.ts'
import { outageOf } from '../compose/outage-of.ts'
import { sharedLimit } from '../compose/shared-limit.ts'
import { askTracker, type CheckoutView, lookAt, sessionIsThere, type TrackerAnswer } from '../compose/why-tools.ts'
import { attemptsOf } from '../logs/attempts-of.ts'
import { type RunResult, runResult } from '../logs/stored-runs.ts'
import type { Subject } from './subject.ts'

/** Everything that the answer is made of. It is gathered once; the sentences are functions of it alone. */
export interface Facts extends Subject {
  /** Epoch milliseconds. */
  now: number
  task: Task | null
  lock: { path: string; problem: string | null } | null
  /** The journal of the run; null when it is over, or its lock file cannot be read. */
  record: RunRecord | null
  /** How the run ended, once it has. */
  result: RunResult | null
  /** The run that the agent's lock file is about, when that is another one. */
  otherRun: string | null
  runner: GuardHolder | null
  /** When the next attempt may start, in epoch milliseconds; null for at once. */
  waitsUntil: number | null
  /** When the account's usage limit ends for which an idle runner waits, in epoch milliseconds; null for none. */
  limitUntil: number | null
  /** The outage that the agent has met and that is not over; null for none. */
  outage: Outage | null
  attempt: { number: number; state: AttemptState; deadlineAt: number | null } | null
  processes: RunProcesses
  /** Whether the last attempt's session can be resumed; null when nobody has to know. */
  session: boolean | null
  tracker: TrackerAnswer | null
  checkout: CheckoutView | null
  events: StampedEvent[]
  policy: Policy
}

/** The longest time for the tracker's answer, because somebody waits for ours. Milliseconds. */
const ANSWER_MS = 3_000

/** Looks at everything and changes nothing. */
export async function gatherFacts(subject: Subject, config: Config, env: NodeJS.ProcessEnv): Promise<Facts> {
  const { home } = config.values
  const { agentId } = subject
  const { lock, found } = readLock(home, agentId)
  const record = found && (subject.runId === null || found.runId === subject.runId) ? found : null
  const runId = subject.runId ?? record?.runId ?? null
  const events = runId === null ? [] : openRunFiles(home).events(runId)
  const result = record || runId === null ? null : runResult(home, runId)
  const task = record?.task ?? taskOf(events)
  const agent = record?.agent ?? (task && agentId !== null ? asked(agentId, task) : null)
  const number = record?.attempts.at(-1)?.number ?? (runId === null ? null : (attemptsOf(home, runId).at(-1) ?? null))
  const last = record?.attempts.at(-1)
  const place = placeOf(record, result, events)
  const [tracker, checkout, session] = await Promise.all([
    agent && task ? askTracker(config, agent, task, record?.tracker ?? null, ANSWER_MS) : null,
    place && runId !== null ? lookAt(config, place.path, { ...place, runId, workspace: record?.workspace ?? null }) : null,
    last && place ? sessionIsThere(last.sessionId, place.path, env) : null,
  ])
  return {
    ...{ now: Date.now(), agentId, runId, task, lock, record, result, tracker, checkout, session, events },
    otherRun: found && !record ? found.runId : null,
    runner: agentId === null ? null : guardHolder(home, agentId),
    waitsUntil: endOf(record?.notBefore ?? null, systemClock),
    limitUntil: sharedLimit(home, env),
    outage: agentId === null ? null : outageOf(home, agentId),
    attempt: runId === null || number === null ? null : attemptFacts(home, runId, number),
    processes: runId === null ? { supervisor: null, agent: null, others: [] } : runProcesses(home, runId, number),
    policy: toPolicy(config, ''),
  }
}

function readLock(home: string, agentId: string | null): { lock: Facts['lock']; found: RunRecord | null } {
  if (agentId === null) return { lock: null, found: null }
  const path = lockFilePath(home, agentId)
  try {
    return { found: readLockFile(path), lock: { path, problem: null } }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { lock: null, found: null }
    return { found: null, lock: { path, problem: (error as Error).message } }
  }
}

function taskOf(events: StampedEvent[]): Task | null {
  const taken = events.findLast(event => event.type === 'task_taken')
  return taken?.type === 'task_taken' ? taken.task : null
}

/** The agent on whose behalf the tracker is asked about a run that is over: its folder does not keep the agent's level. */
function asked(agentId: string, task: Task): AgentIdentity {
  return { id: agentId, role: task.role, level: task.seniority }
}

function placeOf(record: RunRecord | null, result: RunResult | null, events: StampedEvent[]) {
  if (record) return record.workspace ?? (record.inherited && { path: record.inherited.path, base: null, dirtyAtStart: [] })
  const ready = events.findLast(event => event.type === 'workspace_ready')
  const workspace = ready?.type === 'workspace_ready' ? ready.workspace : null
  // In place, the folder is the user's own again once the run is over.
  if (result?.kept) return { path: result.kept, base: workspace?.base ?? null, dirtyAtStart: [] }
  return workspace && workspace.kind !== 'in-place' && !result ? workspace : null
}

function attemptFacts(home: string, runId: string, number: number): Facts['attempt'] {
  const folder = attemptFolder(home, runId, number)
  const started = readAttemptFile(folder, 'started')
  const spec = readAttemptFile(folder, 'spec')
  const state = attemptState(home, runId, number)
  const left = started && spec ? spec.deadlineMs - (systemClock.uptime() - started.startedUptime) : null
  return { number, state, deadlineAt: state.state === 'alive' && left !== null ? Date.now() + left : null }
}
