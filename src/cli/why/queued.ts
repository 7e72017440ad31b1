import type { BoardTask, HistoryEntry } from '../../board/board.ts'
import type { Config } from '../../config/config.ts'
import { trackerChoice } from '../../config/tracker-choice.ts'
import { RunnerError } from '../../core/errors.ts'
import { count, moment } from '../../core/text/words.ts'
import { oneLine } from '../output/clean.ts'
import { shownWord } from '../output/shown-word.ts'
import { machineStatus } from '../status/machine-status.ts'
import { boardFile } from '../task/embedded-board.ts'
import type { Advice } from './advice.ts'
import type { Next } from './next.ts'
import type { Answer } from './view.ts'

/** A task of the embedded board that no run on this machine is about. */
export interface Queued {
  task: BoardTask & { history: HistoryEntry[] }
  /** Tasks for the same role that are handed out before it. */
  before: number
  /** The repository that a runner here would work for. */
  repo: string
  /** Agents of this machine whose runner is alive, and their roles. */
  runners: { agentId: string; role: string | null }[]
}

/** The task of the embedded board with this id; null when there is no such board, or no such task. */
export async function findQueued(config: Config, id: string): Promise<Queued | null> {
  const { home, repo } = config.values
  if (trackerChoice(config).tracker !== 'embedded') return null
  const { openBoard } = await import('../../board/board.ts')
  const board = await openBoard(boardFile(home), { project: repo, look: true })
  try {
    const task = await board.showTask(id)
    const waiting = task.status === 'created' ? await board.listTasks({ status: 'created' }) : []
    const earlier = (other: BoardTask) =>
      other.priority > task.priority || (other.priority === task.priority && other.createdAt < task.createdAt)
    const before = waiting.filter(
      other => other.role === task.role && other.lockedBy === null && other.blockedBy.length === 0 && earlier(other),
    )
    const runners = machineStatus(home, null).agents.flatMap(({ agent_id, role, runner }) =>
      runner.alive ? [{ agentId: agent_id, role }] : [],
    )
    return { task, before: before.length, repo, runners }
  } catch (error) {
    if (error instanceof RunnerError && error.code === 'TASK_UNKNOWN') return null
    throw error
  } finally {
    await board.close()
  }
}

/** Why a task of the queue is where it is. A function of the facts alone. */
export function queuedAnswer(queued: Queued): Answer {
  const { task } = queued
  const held =
    task.lockedBy === null
      ? 'held by nobody'
      : `held by ${oneLine(task.lockedBy, 64)}${task.lockedAt ? ` since ${moment(task.lockedAt)}` : ''}`
  const runners = queued.runners.map(({ agentId, role }) => `${agentId}${role ? ` (${oneLine(role, 64)})` : ''}`)
  return {
    subject: { agent_id: task.lockedBy, run_id: task.runId, task_id: task.id, task_title: task.title },
    standing: { state: 'queued', says: `${task.status}; no run on this machine is about it` },
    happened: task.history.slice(-5).map(({ at, kind, who, to }) => ({
      at,
      text: oneLine(`${kind.replaceAll('_', ' ')}${to ? `, now ${to}` : ''}, by ${who}`, 300),
    })),
    now: [
      {
        about: 'task',
        text: `${task.status} on the embedded board, ${held}; for ${oneLine(task.role, 64)}, ${task.seniority}, ${task.complexity}`,
      },
      { about: 'runner', text: runners.length === 0 ? 'none runs on this machine' : `alive here: ${runners.join(', ')}` },
    ],
    next: [next(queued)],
    youCan: youCan(queued),
    facts: { status: task.status, locked_by: task.lockedBy, blocked_by: task.blockedBy, before: queued.before, project: task.project },
  }
}

function next({ task, before, repo, runners }: Queued): Next {
  const say = (text: string) => ({ text, at: null })
  if (task.lockedBy !== null) return say(`${oneLine(task.lockedBy, 64)} has it, on another machine or in another state folder.`)
  if (task.status === 'pending') return say('Nothing: it is parked. Nobody is given it until somebody puts it back into the queue.')
  if (task.status === 'cancelled') return say('Nothing: it was cancelled.')
  const forQa = task.status === 'dev_done'
  if (task.status !== 'created' && !forQa) return say('Nothing: it is through.')
  if (task.blockedBy.length > 0)
    return say(
      `It waits until ${task.blockedBy.map(id => oneLine(id, 100)).join(' and ')} ${task.blockedBy.length === 1 ? 'is' : 'are'} done.`,
    )
  if (task.project !== repo) return say(`It belongs to ${oneLine(task.project)}: only runners of that repository are given it.`)
  const role = forQa ? 'qa' : task.role
  const fits = runners.filter(runner => runner.role === role)
  const level = forQa ? '' : ` and at least the level ${task.seniority}`
  if (fits.length === 0) return say(`Nothing, until a runner with the role ${oneLine(role, 64)}${level} is started.`)
  const turn = before > 0 ? `after the ${count(before, 'task')} before it, ` : ''
  return say(
    `${turn === '' ? 'It' : `It comes ${turn}and`} is given to ${fits.map(runner => runner.agentId).join(' or ')} when that is free and has the role ${oneLine(role, 64)}${level}.`,
  )
}

function youCan({ task, repo, runners }: Queued): Advice[] {
  const all: Advice[] = []
  const role = task.status === 'dev_done' ? 'qa' : task.role
  if (task.status === 'pending' || task.status === 'cancelled')
    all.push({ text: 'put it back into the queue', command: `agent-runner task requeue ${shownWord(task.id)}` })
  else if ((task.status === 'created' || task.status === 'dev_done') && !runners.some(runner => runner.role === role)) {
    const where = task.project === repo ? '' : ` --repo ${shownWord(task.project)}`
    const level = task.status === 'dev_done' ? '' : ` --level ${task.seniority}`
    all.push({
      text: 'start a runner that fits',
      command: `agent-runner --role ${shownWord(role)}${level} --agent-id ${role.replace(/[^\w.-]+/g, '_')}_001${where}`,
    })
  }
  all.push({ text: 'all about the task', command: `agent-runner task show ${shownWord(task.id)}` })
  return all
}
