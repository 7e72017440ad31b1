import type { EndReason } from '../../../src/core/ends.ts'
import type { Outage } from '../../../src/core/ports/breaker.ts'
import type { Wait } from '../../../src/core/wait.ts'

/*
 * What outlives a runner, in memory: the tracker's board, the disk, the agents' processes, the repository, and time. The ports of one life
 * of a runner (`life.ts`) work on it. It checks the promises as they would be broken, and keeps what was broken in `broken`.
 */

/** What an agent does in one attempt. */
export interface AgentDeed {
  /** How it ends. `vanished`: supervisor and agent are killed, and leave no record. `killed`: by a signal from outside. */
  end: EndReason | 'vanished'
  /** How long it works, in milliseconds. */
  ms: number
  costUsd: number
  /** Whether it changes files before its end. */
  works: boolean
}

/** What goes wrong with a call of the tracker: it never arrives, or its answer is lost. */
export type TrackerFault = 'none' | 'refused' | 'answer_lost'

/** A story: what happens around the runner, whatever the runner does. What is not told (lists that are over) goes well. */
export interface Story {
  /** For each task, what the agent does in each of its attempts. */
  tasks: AgentDeed[][]
  /** For each call of the tracker, in the order of the calls. */
  tracker: TrackerFault[]
  /** For each call of the pre_task hook, whether it refuses. */
  refusals: boolean[]
  /** Budget of each task in US dollars. */
  budgetUsd: number | null
}

interface BoardTask {
  id: string
  status: string
  lockedBy: string | null
  /** The run ids of the reports that were accepted, with their kind. */
  reports: { runId: string; kind: string }[]
  deeds: AgentDeed[]
}

export interface AgentProcess {
  runId: string
  attempt: number
  sessionId: string
  mode: 'fresh' | 'resume'
  path: string
  deed: AgentDeed
  startedAt: number
  /** When it ends, by itself or because it is stopped. */
  endsAt: number
  stopped: boolean
  /** Its work is on the disk. */
  worked: boolean
}

interface Sleeper {
  at: number
  wake: () => void
}

interface Place {
  uncommitted: boolean
  /** Committed changes: one for each attempt that worked, at most. */
  commits: number
  removed: boolean
}

export const DONE: AgentDeed = { end: 'completed', ms: 90_000, costUsd: 0.1, works: true }

/** The day on which every story begins, epoch milliseconds. */
const BEGIN = 1_800_000_000_000

export class World {
  readonly story: Story
  readonly broken: string[] = []
  readonly board: BoardTask[]
  readonly disk = new Map<string, string>()
  lockFile: string | null = null
  readonly processes: AgentProcess[] = []
  readonly places = new Map<string, Place>()
  readonly givenBack = new Map<string, { claimedAt: string; times: number }>()
  limit: Wait | null = null
  outage: Outage | null = null
  runIds = 0
  trackerCalls = 0
  hookCalls = 0
  #now = 0
  #sleepers: Sleeper[] = []

  constructor(story: Story) {
    this.story = story
    this.board = story.tasks.map((deeds, n) => ({ id: String(n + 1), status: 'created', lockedBy: null, reports: [], deeds: [...deeds] }))
  }

  /** Milliseconds since the story began. */
  get elapsed(): number {
    return this.#now
  }

  /** Epoch milliseconds. */
  get now(): number {
    return BEGIN + this.#now
  }

  broke(promise: string): void {
    this.broken.push(`${promise} (at ${this.#now} ms)`)
  }

  /** Calls `wake` so many milliseconds later, unless it is cancelled. */
  later(ms: number, wake: () => void): { cancel(): void } {
    const sleeper = { at: this.#now + Math.max(0, ms), wake }
    this.#sleepers.push(sleeper)
    return {
      cancel: () => {
        this.#sleepers = this.#sleepers.filter(one => one !== sleeper)
      },
    }
  }

  /** Lets time pass until the next sleeper wakes. False when nobody sleeps. */
  passTime(): boolean {
    const first = Math.min(...this.#sleepers.map(({ at }) => at))
    const next = this.#sleepers.find(({ at }) => at === first)
    if (!next) return false
    this.#sleepers = this.#sleepers.filter(one => one !== next)
    this.#now = Math.max(this.#now, next.at)
    this.#settle()
    next.wake()
    return true
  }

  /** A runner was killed: its sleepers are no more. */
  forgetSleepers(): void {
    this.#sleepers = []
  }

  /** A while in which no runner lives: agents go on working. */
  pause(ms: number): void {
    this.#now += ms
    this.#settle()
  }

  task(id: string): BoardTask {
    return this.board.find(task => task.id === id)!
  }

  place(path: string): Place {
    const place = this.places.get(path) ?? { uncommitted: false, commits: 0, removed: false }
    this.places.set(path, place)
    return place
  }

  alive(process: AgentProcess): boolean {
    return this.#now < process.endsAt
  }

  /** Starts an agent, and checks what must hold before tokens are spent. */
  startAgent(process: Pick<AgentProcess, 'runId' | 'attempt' | 'sessionId' | 'mode' | 'path'>, taskId: string): void {
    const { runId, attempt, path } = process
    const task = this.task(taskId)
    const before = this.processes.filter(one => one.runId === runId)
    if (before.some(one => this.alive(one))) this.broke(`two agents of ${runId} are alive at once`)
    if (before.some(one => one.attempt === attempt)) this.broke(`attempt ${attempt} of ${runId} is started twice`)
    if (before.some(one => isDone(one))) this.broke(`tokens are spent again for ${runId}, which was done`)
    if (task.lockedBy !== AGENT) this.broke(`an agent is started on task ${taskId}, which is not ours`)
    if (this.place(path).removed) this.broke(`an agent is started in ${path}, which is gone`)
    const spent = before.reduce((sum, one) => sum + one.deed.costUsd, 0)
    const { budgetUsd } = this.story
    if (budgetUsd !== null && spent >= budgetUsd) this.broke(`an agent is started although ${spent} of ${budgetUsd} USD are spent`)
    const deed = task.deeds.shift() ?? DONE
    this.processes.push({ ...process, deed, startedAt: this.#now, endsAt: this.#now + deed.ms, stopped: false, worked: false })
    this.#settle()
  }

  stopAgent(process: AgentProcess): void {
    if (!this.alive(process)) return
    process.stopped = true
    process.endsAt = this.#now
    this.#settle()
  }

  /** What must hold when every task has come to its end. */
  checkEnd(): void {
    for (const task of this.board) {
      const done = task.reports.filter(({ kind }) => kind === 'report').length
      if (done > 1) this.broke(`task ${task.id} is reported done ${done} times`)
      if (task.lockedBy !== null) this.broke(`task ${task.id} stays locked`)
      if (task.status === 'under_work') this.broke(`task ${task.id} stays under work`)
    }
    for (const one of this.processes) if (this.alive(one)) this.broke(`the agent of ${one.runId} is still alive at the end`)
    for (const [path, place] of this.places) {
      const worked = this.processes.some(one => one.path === path && one.worked)
      if (place.removed && place.uncommitted) this.broke(`the uncommitted work in ${path} is gone`)
      if (worked && place.commits === 0 && !place.uncommitted) this.broke(`the work in ${path} is neither committed nor there`)
    }
    if (this.lockFile !== null) this.broke('the lock file stays')
  }

  /** What agents did by now is on the disk. */
  #settle(): void {
    for (const one of this.processes) {
      if (one.worked || !one.deed.works || this.#now < one.endsAt || one.stopped) continue
      one.worked = true
      const place = this.place(one.path)
      if (place.removed) this.broke(`the agent of ${one.runId} works in ${one.path}, which is gone`)
      place.uncommitted = true
    }
  }
}

/** The agent id of every life. */
export const AGENT = 'dev_001'

/** Whether an attempt has said that all is done. */
export const isDone = ({ deed, stopped }: AgentProcess) => deed.end === 'completed' && !stopped

/** Whether a task has come to its end. */
export const isOver = ({ status }: { status: string }) => status !== 'created' && status !== 'under_work'
