import type { EndReason } from '../../src/core/ends.ts'
import type { AttemptEnd, AttemptRecord, RunRecord } from '../../src/core/run.ts'
import type { Task } from '../../src/core/task.ts'

/** A task with plain values. */
export function aTask(over: Partial<Task> = {}): Task {
  return {
    id: '7',
    title: 'Make it so',
    description: 'All of it.',
    criteria: [],
    role: 'backend_dev',
    seniority: 'senior',
    complexity: 'major',
    branch: null,
    priority: 0,
    dependsOn: [],
    maxCostUsd: null,
    runId: null,
    plan: null,
    model: null,
    status: 'created',
    notes: '',
    ...over,
  }
}

/** An attempt's end with plain values. */
export function anEnd(reason: EndReason, over: Partial<AttemptEnd> = {}): AttemptEnd {
  return {
    reason,
    text: '',
    verdict: null,
    sessionId: 's',
    model: 'sonnet',
    costUsd: 0.5,
    turns: 1,
    toolCalls: 0,
    tokens: { input: 0, output: 0, cacheRead: 0, cacheWrite: 0 },
    durationMs: 1,
    resetsAt: null,
    ...over,
  }
}

/** Attempts that ended for these reasons, in this order; null for one that has not ended. */
export function attempts(...reasons: (EndReason | null)[]): AttemptRecord[] {
  return reasons.map((reason, index) => ({
    number: index + 1,
    mode: 'fresh',
    sessionId: 's',
    model: 'sonnet',
    startedAt: '2026-01-01T00:00:00.000Z',
    supervisor: null,
    part: 0,
    directives: [],
    ended: reason && anEnd(reason),
  }))
}

/** A run's journal with plain values. */
export function aRun(over: Partial<RunRecord> = {}): RunRecord {
  return {
    version: 1,
    runId: 'run_01h455vb4pex5vsknk084sn02q',
    agent: { id: 'dev_001', role: 'backend_dev', level: 'senior' },
    task: aTask(),
    tracker: { name: 'embedded', url: '/tmp/board' },
    lockedAt: '2026-01-01T00:00:00.000Z',
    steps: [],
    attempts: [],
    workspace: null,
    work: null,
    disposition: null,
    notBefore: null,
    mentions: [],
    wishes: [],
    paused: false,
    kept: null,
    inherited: null,
    ...over,
  }
}
