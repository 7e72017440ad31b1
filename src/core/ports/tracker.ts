import type { StampedEvent } from '../event.ts'
import type { Wish } from '../run.ts'
import type { AgentIdentity, Mention, Task } from '../task.ts'

/** The state of a task from our point of view. */
export type Holding =
  /** Locked by this agent and under work. */
  | 'ours'
  /** Nobody holds it; it can be claimed (again). */
  | 'free'
  | 'someone_else'
  /** It has reached a status in which nobody works on it: done, parked or cancelled by someone. */
  | 'finished'
  /** The tracker no longer knows it. */
  | 'gone'

/** What is to be written on the task at the end of a run. */
export interface Report {
  /** The workflow word that the task moves to. */
  status: string
  /** Markdown for people; ends with the run id, by which a repeated report is recognised. */
  note: string
  runId: string
}

/** How a tracker steers a run that is under way. Only our own control plane does. */
export interface Steering {
  /**
   * The wishes for a run that are not among `known`, oldest first. Waits up to `waitSeconds` for one. The signal ends the wait
   * at once.
   */
  wanted(agent: AgentIdentity, task: Task, runId: string, known: string[], waitSeconds: number, signal: AbortSignal): Promise<Wish[]>
  /** Ends the run for good, as somebody requested, with a note. Same rules as `report`. */
  stopped(agent: AgentIdentity, task: Task, report: Omit<Report, 'status'>, signal: AbortSignal): Promise<'reported' | 'lost'>
}

/** Where a tracker keeps what happens in a run, for people to watch. Only our own control plane does. */
export interface Mirror {
  /** Adds events of a run, in order. Sending some again changes nothing. */
  publish(agent: AgentIdentity, runId: string, events: StampedEvent[], signal: AbortSignal): Promise<void>
  /** Keeps a text that belongs to the run (`diff.patch`, `result.json`); replaces one of the same name. */
  upload(agent: AgentIdentity, runId: string, name: string, text: string, signal: AbortSignal): Promise<void>
}

/** How a tracker's server answered over some time: requests that failed among them, and milliseconds until an answer. */
export interface AnswerTimes {
  requests: number
  failed: number
  meanMs: number
  mostMs: number
}

/** A PM API. Every write is safe to repeat: after a lost answer the adapter looks before it writes again. */
export interface Tracker {
  readonly name: string
  /** Where it is, for people and for the lock file: a URL or the board's file. */
  readonly url: string
  /** Registers the agent, or says that it is still alive. */
  register(agent: AgentIdentity, signal: AbortSignal): Promise<void>
  /**
   * The next task this agent could take, or null. Only looks: nothing is taken. Waits up to `waitSeconds` for one to
   * appear; 0 looks once. The signal ends the wait at once.
   */
  look(agent: AgentIdentity, waitSeconds: number, signal: AbortSignal): Promise<Task | null>
  /**
   * Takes the task for this agent and marks it under work. `ours` is proven by reading back. Claiming what is already
   * ours answers `ours`. Of two agents that claim at once exactly one gets `ours`.
   */
  claim(agent: AgentIdentity, task: Task, runId: string, signal: AbortSignal): Promise<'ours' | 'taken'>
  /** Asks the tracker again for the state of the task from this agent's point of view. */
  holding(agent: AgentIdentity, task: Task, signal: AbortSignal): Promise<Holding>
  /** Tells that the agent is alive and at work, so that its lock does not expire; returns the state of the task now. */
  heartbeat(agent: AgentIdentity, task: Task, signal: AbortSignal): Promise<Holding>
  /**
   * Moves the task to its end status with the note, and opens its lock. Exactly once as the tracker sees it: a report
   * of the same run that is there already answers `reported` and changes nothing. `lost`: no longer ours, nothing changed.
   */
  report(agent: AgentIdentity, task: Task, report: Report, signal: AbortSignal): Promise<'reported' | 'lost'>
  /** Opens the lock and restores the status in which the task was found, with a note. Same rules as `report`. */
  giveBack(agent: AgentIdentity, task: Task, report: Omit<Report, 'status'>, signal: AbortSignal): Promise<'reported' | 'lost'>
  /** Takes the task out of circulation (`pending`) with a note. Same rules as `report`. */
  park(agent: AgentIdentity, task: Task, report: Omit<Report, 'status'>, signal: AbortSignal): Promise<'reported' | 'lost'>
  /** Unread mentions of this agent, oldest first. */
  mentions(agent: AgentIdentity, signal: AbortSignal): Promise<Mention[]>
  /** Marks mentions read; unknown or read ones are no error. */
  markRead(agent: AgentIdentity, ids: string[], signal: AbortSignal): Promise<void>
  readonly steering?: Steering
  readonly mirror?: Mirror
  /** How its server has answered since this was asked last; left out where there is no server. */
  answerTimes?(): AnswerTimes
  /** The longest pause between heartbeats that keeps a lock, in milliseconds; left out when the configuration decides. */
  readonly heartbeatMs?: number
  /** One cheap call that shows that the tracker answers and accepts our key. Throws a RunnerError if not. */
  ping(signal: AbortSignal): Promise<void>
  close(): void
}
