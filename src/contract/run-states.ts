import { RunnerError } from '../core/errors.ts'
import type { TaskStatus } from '../core/task.ts'

/** The states of a run. */
export const RUN_STATES = ['QUEUED', 'RUNNING', 'PAUSED', 'STOPPED', 'COMPLETED', 'FAILED'] as const
export type RunStatus = (typeof RUN_STATES)[number]

/** Where a run can go from each state. Back to QUEUED leads only the loss of its holder, who gave it back or whose lease is over. */
export const TRANSITIONS: Readonly<Record<RunStatus, readonly RunStatus[]>> = {
  QUEUED: ['RUNNING', 'PAUSED', 'STOPPED'],
  RUNNING: ['PAUSED', 'QUEUED', 'STOPPED', 'COMPLETED', 'FAILED'],
  // A runner may tell the end of a run before the news that it was resumed has arrived.
  PAUSED: ['RUNNING', 'QUEUED', 'STOPPED', 'COMPLETED', 'FAILED'],
  STOPPED: [],
  COMPLETED: [],
  FAILED: [],
}

/** Whether nothing can happen to the run any more. */
export const isOver = (status: RunStatus) => TRANSITIONS[status].length === 0

/** The states in which a run is not over. */
export const UNFINISHED = RUN_STATES.filter(status => !isOver(status))

/** Throws RUN_STATE, naming both states, when a run cannot go from one to the other. */
export function guard(run: { id: string; status: RunStatus }, to: RunStatus): void {
  if (!TRANSITIONS[run.status].includes(to)) throw wrongState(run, to)
}

/** The refusal of what a run's state does not allow. */
export function wrongState(run: { id: string; status: RunStatus }, to: RunStatus): RunnerError {
  const article = (word: string) => (/^[AEIOU]/.test(word) ? 'an' : 'a')
  return new RunnerError('RUN_STATE', `${run.id} is ${run.status}; ${article(run.status)} ${run.status} run cannot become ${to}`)
}

/** A task's workflow word, as those see it who know no workflow. */
export type TaskState = 'pending' | 'running' | 'completed' | 'failed'

const STATE_OF: Record<TaskStatus, TaskState> = {
  created: 'pending',
  under_work: 'running',
  dev_done: 'completed',
  qa_done: 'completed',
  documentation_done: 'completed',
  committed: 'completed',
  pending: 'failed',
  cancelled: 'failed',
}

/** The coarse state of a task. */
export const taskState = (status: TaskStatus): TaskState => STATE_OF[status]

/** The workflow words behind a coarse state. */
export const statusesOf = (state: TaskState) => (Object.keys(STATE_OF) as TaskStatus[]).filter(status => STATE_OF[status] === state)
