import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { ENDS, type EndReason, end } from '../../core/ends.ts'
import { readJson } from '../../core/json.ts'
import { keepsFromTasks, outageWait, outageWords } from '../../core/outage.ts'
import type { Outage } from '../../core/ports/breaker.ts'
import type { AttemptState } from '../../core/ports/supervision.ts'
import type { RunRecord } from '../../core/run.ts'
import { AGENT_ID } from '../../core/task.ts'
import { endOf } from '../../core/wait.ts'
import { unlessDamaged } from '../../machine/attempts/attempt-files.ts'
import { attemptState } from '../../machine/attempts/supervision.ts'
import { lastBytes } from '../../machine/files/file-chunks.ts'
import { lockFilePath, readLockFile } from '../../machine/journal/lock-file.ts'
import { runFolder } from '../../machine/journal/run-files.ts'
import { systemClock } from '../../machine/limits/clock.ts'
import { type GuardHolder, guardHolder } from '../../machine/locks/agent-guard.ts'
import { outageOf } from '../compose/outage-of.ts'
import { type RunResult, runResult, storedRuns } from '../logs/stored-runs.ts'

/**
 * The state of an agent. `idle`: its runner waits for tasks · `working` · `waiting`: for a usage limit or before another try ·
 * `orphaned`: its runner is dead, the agent works on under its supervisor · `interrupted`: both are dead, the next start of the runner
 * goes on · `unreadable`: its lock file cannot be read.
 */
export type AgentState = 'idle' | 'working' | 'waiting' | 'orphaned' | 'interrupted' | 'unreadable'

/** One agent of this machine. Keys as in the lock file; times ISO 8601. */
export interface AgentStatus {
  agent_id: string
  state: AgentState
  role: string | null
  level: string | null
  runner: { alive: boolean; pid: number | null; since: string | null }
  task_id: string | null
  task_title: string | null
  run_id: string | null
  step: string | null
  step_since: string | null
  /** What the agent was seen doing last. */
  doing: string | null
  /** Null when the agent has no unfinished task. */
  lock_file: string | null
  locked_at: string | null
  lock_age_s: number | null
  attempts: number
  supervisor: 'alive' | 'exited' | 'gone' | 'none'
  workspace: string | null
  branch: string | null
  waiting_until: string | null
  /**
   * What stands in its way, or what it waits for, and what somebody can do about it; null when there is nothing, or when nobody need act.
   */
  waiting_for: string | null
  advice: string | null
  problem: string | null
}

/** Work of a failed run that is still there. */
export type KeptWork = RunResult & { kept: string; says: string }

export interface MachineStatus {
  version: 1
  home: string
  agents: AgentStatus[]
  kept: KeptWork[]
}

/** How many kept places are shown at most, the latest first. */
const KEPT = 20

/**
 * Every agent of this machine, and the work that failed runs left. Only looks. `limitUntil`: when the account's usage limit ends for
 * which idle runners wait, in epoch milliseconds; null for none.
 */
export function machineStatus(home: string, limitUntil: number | null): MachineStatus {
  return { version: 1, home, agents: agentIds(home).flatMap(id => agentStatus(home, id, limitUntil) ?? []), kept: keptWork(home) }
}

function agentIds(home: string): string[] {
  const folder = join(home, 'locks')
  if (!existsSync(folder)) return []
  const ids = readdirSync(folder).map(name => /^agent-(.+)\.(?:lock|guard)$/.exec(name)?.[1] ?? '')
  return [...new Set(ids)].filter(id => AGENT_ID.test(id)).sort()
}

/** Null for an agent id that nobody runs and that has nothing unfinished. */
function agentStatus(home: string, id: string, limitUntil: number | null): AgentStatus | null {
  const holder = guardHolder(home, id)
  const base = withoutTask(id, holder)
  const path = lockFilePath(home, id)
  let record: RunRecord
  try {
    record = readLockFile(path)
  } catch (error) {
    // The file disappeared between listing and reading, or was never there.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return holder ? idle(base, limitUntil, outageOf(home, id)) : null
    return { ...base, state: 'unreadable', lock_file: path, problem: (error as Error).message }
  }
  const attempt = record.attempts.at(-1)
  const { value, problem } = unlessDamaged(() => attempt && attemptState(home, record.runId, attempt.number))
  const supervisor = problem === null ? SUPERVISOR[value?.state ?? 'never_started'] : 'gone'
  const step = record.steps.at(-1)
  const waitsUntil = endOf(record.notBefore, systemClock)
  const outage = holder ? outageOf(home, id) : null
  return {
    ...base,
    // An obstacle is shown also while the runner tries whether it is over.
    ...(outage && keepsFromTasks(outage) ? obstacle(outage) : {}),
    state: holder ? (waitsUntil !== null ? 'waiting' : 'working') : supervisor === 'alive' ? 'orphaned' : 'interrupted',
    role: record.agent.role || base.role,
    level: record.agent.level,
    task_id: record.task.id,
    task_title: record.task.title,
    run_id: record.runId,
    step: step?.name ?? null,
    step_since: step?.startedAt ?? null,
    doing: step?.name === 'agent' ? lastSeen(home, record.runId) : null,
    lock_file: path,
    locked_at: record.lockedAt,
    lock_age_s: age(record.lockedAt),
    attempts: record.attempts.length,
    supervisor,
    workspace: record.workspace?.path ?? record.inherited?.path ?? null,
    branch: record.workspace?.branch ?? record.inherited?.branch ?? null,
    ...(waitsUntil === null ? {} : waiting(waitsUntil, attempt?.ended && { reason: attempt.ended.reason, said: attempt.ended.text })),
    problem,
  }
}

function idle(base: AgentStatus, limitUntil: number | null, outage: Outage | null): AgentStatus {
  if (limitUntil !== null) return { ...base, state: 'waiting', ...waiting(limitUntil, { reason: 'usage_limit', said: '' }) }
  const outageUntil = endOf(outageWait(outage), systemClock)
  return outage === null || outageUntil === null ? base : { ...base, state: 'waiting', ...waiting(outageUntil, outage) }
}

function waiting(until: number, why: Pick<Outage, 'reason' | 'said'> | null | undefined) {
  return { waiting_until: new Date(until).toISOString(), ...(why ? obstacle(why) : {}) }
}

function obstacle(why: Pick<Outage, 'reason' | 'said'>): Pick<AgentStatus, 'waiting_for' | 'advice'> {
  const { surroundings, says } = end(why.reason)
  // Words of an agent are no cause.
  const { message, advice = null } = surroundings === 'fail' ? outageWords(why) : { message: says }
  return { waiting_for: message, advice }
}

function withoutTask(id: string, holder: GuardHolder | null): AgentStatus {
  return {
    agent_id: id,
    state: 'idle',
    role: holder?.role ?? null,
    level: null,
    runner: { alive: holder !== null, pid: holder?.process.pid ?? null, since: holder?.since ?? null },
    ...{ task_id: null, task_title: null, run_id: null, step: null, step_since: null, doing: null },
    ...{ lock_file: null, locked_at: null, lock_age_s: null, attempts: 0, supervisor: 'none' as const },
    ...{ workspace: null, branch: null, waiting_until: null, waiting_for: null, advice: null, problem: null },
  }
}

const SUPERVISOR: Record<AttemptState['state'], AgentStatus['supervisor']> = {
  alive: 'alive',
  exited: 'exited',
  gone: 'gone',
  never_started: 'none',
}

/** The last thing that the agent of a run was seen doing, from the end of the run's events. */
function lastSeen(home: string, runId: string): string | null {
  const lines = lastBytes(join(runFolder(home, runId), 'events.jsonl'), 32 * 1024).split('\n')
  for (const line of lines.reverse()) {
    try {
      const event = readJson(line)
      if (event.type === 'tool_used') return `${event.tool} ${event.argument}`.trim()
      if (event.type === 'agent_text') return String(event.text)
      if (event.type === 'attempt_started') return null
    } catch {
      // The first line here is cut, and the last one may still be being written.
    }
  }
  return null
}

/** Seconds since then; null for a time that cannot be read. Locks of older runners have times without a zone: those are UTC. */
function age(at: string): number | null {
  const time = Date.parse(/^\d{4}-\d\d-\d\dT[\d:.]+$/.test(at) ? `${at}Z` : at)
  return Number.isNaN(time) ? null : Math.max(0, Math.round((Date.now() - time) / 1000))
}

function keptWork(home: string): KeptWork[] {
  const found: KeptWork[] = []
  for (const run of storedRuns(home)) {
    const result = runResult(home, run)
    if (!result?.kept || !existsSync(result.kept)) continue
    // A later run may have gone on in the same place; the latest one counts.
    if (!found.some(other => other.kept === result.kept)) found.push({ ...result, kept: result.kept, says: saysOf(result.reason) })
    if (found.length === KEPT) break
  }
  return found
}

function saysOf(reason: string): string {
  return Object.hasOwn(ENDS, reason) ? end(reason as EndReason).says : reason
}
