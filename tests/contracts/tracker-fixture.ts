import { afterEach, expect } from 'vitest'
import type { Tracker } from '../../src/core/ports/tracker.ts'
import type { AgentIdentity, Complexity, Level, Task } from '../../src/core/task.ts'

/** A task as a test asks for it. Left out: role `backend_dev`, seniority `junior`, complexity `major`, status `created`. */
export interface TaskDraft {
  title: string
  description?: string
  role?: string
  seniority?: Level
  complexity?: Complexity
  status?: string
}

/** A tracker with its tasks, and what a person beside the runner can see and do there. */
export interface TrackerFixture {
  /** The ids of the drafts, in their order. */
  ids: string[]
  /** A client of its own at each call, as another process would have; closed by `close`. */
  tracker(): Tracker
  /** Adds one more task and answers its id. */
  add(draft: TaskDraft): Promise<string>
  statusOf(id: string): Promise<string>
  /** Everything that was written on the task; '' when nothing. */
  notesOf(id: string): Promise<string>
  /** The agent that holds the task's lock; null when it is open. */
  holderOf(id: string): Promise<string | null>
  /** A person moves the task to a status and opens its lock. */
  move(id: string, status: string): Promise<void>
  /** The agent was silent for so long that its locks have expired; the status stays as it is. */
  expire(agentId: string): Promise<void>
  /** The task is deleted. */
  remove(id: string): Promise<void>
  /** Somebody writes `@agentId text` on the task. */
  mention(agentId: string, text: string, taskId: string): Promise<void>
  close(): Promise<void>
}

/** An agent; a senior backend developer unless said otherwise. */
export const dev = (id: string, level: Level = 'senior', role = 'backend_dev'): AgentIdentity => ({ id, role, level })
export const runId = 'run_01jcontract0000000000000001'
export const otherRun = 'run_01jcontract0000000000000002'
export const note = `Did the work.\n\n${runId}`
export const never = () => new AbortController().signal
export const times = (text: string, part: string) => text.split(part).length - 1

/** Opens fixtures for tests and closes them after each; call it inside a `describe`. */
export function trackerBench(open: (tasks: TaskDraft[]) => Promise<TrackerFixture>) {
  const opened: TrackerFixture[] = []
  afterEach(async () => {
    for (const fixture of opened.splice(0)) await fixture.close()
  })

  async function start(...drafts: TaskDraft[]) {
    const fixture = await open(drafts)
    opened.push(fixture)
    return fixture
  }

  /** One registered agent, the first task as it sees it, claimed. */
  async function claimed(draft: TaskDraft = { title: 'one' }, agent = dev('dev_1')) {
    const fixture = await start(draft)
    const tracker = fixture.tracker()
    await tracker.register(agent, never())
    const task = await seen(tracker, agent)
    expect(await tracker.claim(agent, task, runId, never())).toBe('ours')
    return { fixture, tracker, agent, task }
  }

  /** What another process leaves behind when it takes the task over after our lock has expired. */
  async function takenOver(fixture: TrackerFixture, agent: AgentIdentity, task: Task) {
    const other = dev('dev_2', agent.level, agent.role)
    const theirs = fixture.tracker()
    await fixture.expire(agent.id)
    await theirs.register(other, never())
    expect(await theirs.claim(other, task, otherRun, never())).toBe('ours')
  }

  async function seen(tracker: Tracker, agent: AgentIdentity): Promise<Task> {
    const task = await tracker.look(agent, 0, never())
    if (!task) throw new Error(`${agent.id} sees no task`)
    return task
  }

  async function picture(fixture: TrackerFixture, id: string) {
    return { status: await fixture.statusOf(id), notes: await fixture.notesOf(id), holder: await fixture.holderOf(id) }
  }

  return { start, claimed, takenOver, seen, picture }
}

export type TrackerBench = ReturnType<typeof trackerBench>
