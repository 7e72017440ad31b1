import { RunnerError } from '../../../src/core/errors.ts'
import type { Holding, Report, Tracker } from '../../../src/core/ports/tracker.ts'
import type { Task } from '../../../src/core/task.ts'
import type { Ask } from './calls.ts'
import { sleep } from './clock.ts'
import { AGENT, isDone, isOver, type World } from './world.ts'

const toTask = (world: World, id: string): Task => ({
  ...{
    id,
    title: `Task ${id}`,
    description: '',
    criteria: [],
    role: 'backend_dev',
    seniority: 'senior',
    complexity: 'major',
    branch: null,
  },
  ...{ priority: 0, dependsOn: [], maxCostUsd: world.story.budgetUsd, model: null, status: 'created', notes: '', runId: null, plan: null },
})

/** The board through a network that loses calls and answers, as the story says. */
export function trackerOf(world: World, ask: Ask): Tracker {
  const asked = <T>(effect: () => T): Promise<T> =>
    ask(() => {
      const fault = world.story.tracker[world.trackerCalls++] ?? 'none'
      const away = () => new RunnerError('TRACKER_UNREACHABLE', 'the tracker is away')
      if (fault === 'refused') throw away()
      const answer = effect()
      if (fault === 'answer_lost') throw away()
      return answer
    })
  const holding = (id: string): Holding => {
    const { status, lockedBy } = world.task(id)
    if (isOver({ status })) return 'finished'
    return lockedBy === AGENT ? 'ours' : 'free'
  }
  /** Ends a task's run; the same report again changes nothing. */
  const closing =
    (kind: string, status: (report: Partial<Report>) => string) =>
    (_agent: unknown, { id }: Task, report: Omit<Report, 'status'> & { status?: string }) =>
      asked(() => {
        const task = world.task(id)
        const { runId } = report
        if (task.reports.some(one => one.runId === runId)) return 'reported' as const
        if (task.lockedBy !== AGENT) return 'lost' as const
        if (kind === 'report' && !world.processes.some(one => one.runId === runId && isDone(one)))
          world.broke(`task ${id} is reported done, and no agent has done it`)
        task.reports.push({ runId, kind })
        Object.assign(task, { status: status(report), lockedBy: null })
        return 'reported' as const
      })
  return {
    name: 'memory',
    url: 'memory:',
    register: () => asked(() => {}),
    look: async (_agent, waitSeconds, signal) => {
      const look = () => asked(() => world.board.find(({ status }) => status === 'created'))
      let found = await look()
      if (!found && waitSeconds > 0) {
        await ask(() => sleep(world, waitSeconds * 1000, signal))
        found = await look()
      }
      return found ? toTask(world, found.id) : null
    },
    claim: (_agent, { id }) =>
      asked(() => {
        const task = world.task(id)
        if (isOver(task)) return 'taken' as const
        Object.assign(task, { lockedBy: AGENT, status: 'under_work' })
        return 'ours' as const
      }),
    holding: (_agent, { id }) => asked(() => holding(id)),
    heartbeat: (_agent, { id }) => asked(() => holding(id)),
    report: closing('report', report => report.status!),
    giveBack: closing('give_back', () => 'created'),
    park: closing('park', () => 'pending'),
    mentions: () => asked(() => []),
    markRead: () => asked(() => {}),
    ping: () => asked(() => {}),
    close: () => {},
  }
}
