import type { EndReason } from './ends.ts'
import type { AttemptEnd, StepName, WorkReport, WorkspaceRecord } from './run.ts'
import type { Task } from './task.ts'

/**
 * All that a runner says, as one union. Terminal, JSON lines, the run's `events.jsonl`, the control plane and the
 * console are readers of the same events; a kind without a formatter does not compile.
 */
export type RunnerEvent =
  | { type: 'runner_started'; agentId: string; role: string; level: string; tracker: string; repo: string; version: string }
  | { type: 'runner_stopped'; reason: string; tasks: number; exitCode: number }
  | { type: 'idle'; message: string; nextLookInMs: number }
  | { type: 'health'; ok: boolean; message: string }
  | { type: 'signal'; signal: string; message: string }
  | { type: 'warning'; message: string; advice?: string }
  | {
      type: 'recovered'
      decision: 'adopted' | 'harvested' | 'resumed' | 'afresh' | 'continued' | 'left_alone' | 'set_aside'
      message: string
    }
  | { type: 'task_taken'; task: Task; model: string }
  | { type: 'step_started'; step: StepName }
  | { type: 'step_finished'; step: StepName; result: string | null; ms: number }
  | { type: 'hook_finished'; hook: string; path: string; exitCode: number | null; ms: number; message: string; log: string }
  | { type: 'workspace_ready'; workspace: WorkspaceRecord }
  | {
      type: 'attempt_started'
      attempt: number
      mode: 'fresh' | 'resume'
      model: string
      sessionId: string
      pid: number | null
      deadlineMs: number
      /** Ids of the directives that it was given. */
      directives: string[]
    }
  | { type: 'attempt_ended'; attempt: number; end: AttemptEnd }
  | { type: 'part_finished'; part: number; of: number; name: string }
  | { type: 'run_paused'; message: string }
  | { type: 'run_resumed'; message: string }
  /** `advice`: what somebody can do about it; left out when nobody must. */
  | { type: 'waiting'; message: string; untilMs: number; advice?: string }
  | AgentEvent
  | {
      type: 'run_finished'
      reason: EndReason
      status: string | null
      durationMs: number
      costUsd: number
      /** An attempt was cut off: it cost this much or more. */
      costIsLeast?: true
      note: string
      kept: string | null
      /** What was done, for the end block; left out when nothing was collected. */
      work?: Pick<WorkReport, 'branch' | 'commits' | 'files' | 'more'> | null
    }

/** What an agent CLI was seen doing. */
export type AgentEvent =
  | { type: 'agent_ready'; sessionId: string; model: string }
  | { type: 'agent_thinking'; text: string }
  | { type: 'agent_text'; text: string }
  /** `input`: all that it was called with; only where a run is told at length. */
  | { type: 'tool_used'; id: string; tool: string; argument: string; input?: Record<string, unknown> }
  | { type: 'tool_result'; id: string; ok: boolean; text: string }

/** An event as it is stored and sent: when, whose, and in which order within its run. */
export type StampedEvent = { at: string; seq: number; runId: string | null; agentId: string } & RunnerEvent
