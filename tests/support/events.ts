import type { RunnerEvent, StampedEvent } from '../../src/core/event.ts'
import type { AttemptEnd, RunRecord } from '../../src/core/run.ts'
import type { Task } from '../../src/core/task.ts'

/** A task with this title, and what else matters to a test. */
export function task(title: string, more: Partial<Task> = {}): Task {
  const open = {
    branch: null,
    priority: 0,
    dependsOn: [],
    maxCostUsd: null,
    runId: null,
    plan: null,
    model: null,
    status: 'created',
    notes: '',
  }
  return {
    id: 'tsk_1',
    title,
    description: '',
    criteria: [],
    role: 'backend_dev',
    seniority: 'senior',
    complexity: 'major',
    ...open,
    ...more,
  }
}

/** An event as a run of the agent `dev_001` has it. */
export function stamped(event: RunnerEvent, more: Partial<StampedEvent> = {}): StampedEvent {
  return { at: '2026-07-06T12:03:22.000Z', seq: 1, runId: 'run_1', agentId: 'dev_001', ...event, ...more } as StampedEvent
}

/** How an attempt ended. */
export function attemptEnd(more: Partial<AttemptEnd> = {}): AttemptEnd {
  const tokens = { input: 1, output: 1, cacheRead: 0, cacheWrite: 0 }
  const none = { verdict: null, sessionId: null, model: null, resetsAt: null }
  return { reason: 'completed', text: '', costUsd: 0.5, turns: 3, toolCalls: 4, tokens, durationMs: 61_000, ...none, ...more }
}

/** One event of every kind, so that a reader can be held to all of them. `text` stands wherever something from outside does. */
export function everyEvent(text: string): RunnerEvent[] {
  const workspace = { kind: 'worktree', repo: '/r', path: `/r/${text}`, branch: text, base: 'abc' } as const
  return [
    { type: 'runner_started', agentId: 'dev_001', role: 'backend_dev', level: 'senior', tracker: text, repo: text, version: '1.0.0' },
    { type: 'idle', message: text, nextLookInMs: 1000 },
    { type: 'health', ok: false, message: text },
    { type: 'health', ok: true, message: text },
    { type: 'signal', signal: 'SIGTERM', message: text },
    { type: 'warning', message: text, advice: text },
    { type: 'recovered', decision: 'left_alone', message: text },
    { type: 'task_taken', task: task(text, { description: text, criteria: [text], branch: text }), model: text },
    { type: 'step_started', step: 'claim' },
    { type: 'step_finished', step: 'report', result: text, ms: 5000 },
    { type: 'hook_finished', hook: 'pre_task', path: text, exitCode: 3, ms: 1, message: text, log: text },
    { type: 'workspace_ready', workspace: { ...workspace, startTree: null, dirtyAtStart: [], continued: false, fallback: text } },
    { type: 'attempt_started', attempt: 1, mode: 'resume', model: text, sessionId: text, pid: 1, deadlineMs: 600_000, directives: [] },
    { type: 'agent_ready', sessionId: text, model: text },
    { type: 'agent_thinking', text },
    { type: 'agent_text', text },
    { type: 'tool_used', id: 't1', tool: text, argument: text },
    { type: 'tool_result', id: 't1', ok: false, text },
    { type: 'tool_result', id: 't2', ok: true, text },
    { type: 'waiting', message: text, untilMs: 1_800_000_000_000 },
    { type: 'attempt_ended', attempt: 1, end: attemptEnd({ reason: 'timed_out', text }) },
    {
      type: 'run_finished',
      reason: 'timed_out',
      status: text,
      durationMs: 61_000,
      costUsd: 0.5,
      note: text,
      kept: text,
      work: { branch: text, commits: [{ sha: '1234567890', subject: text }], files: [{ path: text, added: 1, removed: null }] },
    },
    { type: 'runner_stopped', reason: text, tasks: 1, exitCode: 0 },
  ]
}

/** A run in the middle of its agent step, as its lock file has it. */
export function runRecord(agentId: string, runId: string, more: Partial<RunRecord> = {}): RunRecord {
  const at = new Date(Date.now() - 90_000).toISOString()
  const done = (name: 'claim' | 'preHook' | 'workspace') => ({ name, startedAt: at, finishedAt: at, result: null })
  return {
    version: 1,
    runId,
    agent: { id: agentId, role: 'backend_dev', level: 'senior' },
    task: task('Mend the parser'),
    tracker: { name: 'embedded', url: '/board' },
    lockedAt: at,
    steps: [done('claim'), done('preHook'), done('workspace'), { name: 'agent', startedAt: at, finishedAt: null, result: null }],
    attempts: [],
    workspace: null,
    work: null,
    disposition: null,
    notBefore: null,
    mentions: [],
    inherited: null,
    wishes: [],
    paused: false,
    kept: null,
    ...more,
  }
}
