import { setTimeout as delay } from 'node:timers/promises'
import { RunnerError } from '../../core/errors.ts'
import type { Tracker } from '../../core/ports/tracker.ts'
import type { AgentIdentity, Task } from '../../core/task.ts'
import { headlessPmClaims } from './headless-pm-claim.ts'
import { endTask } from './headless-pm-ending.ts'
import { openHeadlessPmHttp } from './headless-pm-http.ts'
import { markMentionsRead, unreadMentions } from './headless-pm-mentions.ts'
import { headlessPmTasks, NO_SUCH_PATH, refuseStranger } from './headless-pm-tasks.ts'
import { foundStatus, standing, taskFromWire, understood, wireChanges, wireTask } from './headless-pm-wire.ts'

export interface HeadlessPmOptions {
  /** Such as `http://localhost:6969`. */
  url: string
  key: string | null
  /** Milliseconds for one exchange; a long poll gets its waiting time on top. */
  requestTimeoutMs: number
  connectionType?: 'client'
  /** One poll holds a thread of the server, and proxies cut what is silent for a minute. Left out: 50. */
  longestPollSeconds?: number
}

/** How often to look at a server that answers at once although we asked it to wait. The server itself looks as often. */
const LOOK_EVERY_MS = 5_000
/** How long a claim believes the look before it. */
const SEEN_MS = 1_000
/** A status in which no version of the server hands a task to anybody. Servers that do not know `pending` know this one. */
const PARKED_ON_OLD_SERVERS = 'evaluation'

/** The PM API of Headless PM as a tracker. Opens no connection before the first call. Throws CONFIG_INVALID for an unusable URL. */
export function openHeadlessPm(options: HeadlessPmOptions): Tracker {
  const http = openHeadlessPmHttp(options)
  const longestPollMs = (options.longestPollSeconds ?? 50) * 1000
  const tasks = headlessPmTasks(http, options.connectionType ?? 'client')
  const claims = headlessPmClaims(tasks)
  /** The task that a look has just shown as free, and when; for one claim. */
  let seen: { id: string; at: number } | null = null

  async function poll(agent: AgentIdentity, seconds: number, signal: AbortSignal): Promise<Task | null> {
    // Older servers want `skill_level`; each kind passes over the name it does not know.
    const who = { role: agent.role, level: agent.level, skill_level: agent.level }
    const query = seconds === 0 ? { ...who, simulate: 'true' } : { ...who, timeout: String(seconds) }
    const timeoutMs = seconds * 1000 + options.requestTimeoutMs
    const { body } = await http.call({ method: 'GET', path: '/tasks/next', query, timeoutMs, waits: true, signal })
    const wire = understood(wireTask.nullable(), body)
    // Older servers make up a task of type `waiting` when there is none.
    if (wire === null || wire.task_type === 'waiting') return null
    const task = taskFromWire(wire)
    refuseUnspeakable(task)
    seen = standing(agent, task, wire) === 'free' && !wire.locked_by ? { id: task.id, at: performance.now() } : null
    return task
  }

  async function holding(agent: AgentIdentity, task: Task, signal: AbortSignal) {
    return claims.stands(agent, task, await tasks.find(task, 'under_work', signal), signal)
  }

  return {
    name: 'headless-pm',
    url: http.url,
    register: tasks.register,
    async look(agent, waitSeconds, signal) {
      const until = performance.now() + waitSeconds * 1000
      for (;;) {
        const askedMs = Math.min(longestPollMs, until - performance.now())
        const began = performance.now()
        const task = await poll(agent, Math.max(0, Math.round(askedMs / 1000)), signal)
        const leftMs = until - performance.now()
        if (task || leftMs < 500) return task
        const answeredEarly = performance.now() - began < askedMs - 500
        if (answeredEarly) await delay(Math.min(LOOK_EVERY_MS, leftMs), undefined, { signal })
      }
    },
    claim(agent, task, _runId, signal) {
      const justSeen = seen?.id === task.id && performance.now() - seen.at < SEEN_MS
      // A claim that failed half way may have left a lock of ours: the next one looks for itself.
      seen = null
      return claims.claim(agent, task, signal, justSeen)
    },
    holding,
    async heartbeat(agent, task, signal) {
      // Only this refreshes `last_seen`, by which locks expire.
      await tasks.register(agent, signal)
      return holding(agent, task, signal)
    },
    report: (agent, task, report, signal) => endTask(tasks, claims, agent, task, report, signal),
    giveBack: (agent, task, report, signal) => endTask(tasks, claims, agent, task, { ...report, status: foundStatus(agent, task) }, signal),
    park: (agent, task, report, signal) =>
      endTask(tasks, claims, agent, task, { ...report, status: 'pending', fallback: PARKED_ON_OLD_SERVERS }, signal),
    mentions: (agent, signal) => unreadMentions(http, agent, signal),
    markRead: (agent, ids, signal) => markMentionsRead(http, agent, ids, signal),
    async ping(signal) {
      const reply = await http.call({ method: 'GET', path: '/changelog', query: { limit: '1' }, accept: NO_SUCH_PATH, signal })
      refuseStranger(http, '/changelog', reply)
      understood(wireChanges, reply.body)
    },
    answerTimes: http.answerTimes,
    close: http.close,
  }
}

/** A task's id is part of the paths by which it is claimed and reported; some would mean another path, or none. */
function refuseUnspeakable({ id }: Task): void {
  if (id !== '.' && id !== '..' && id.isWellFormed()) return
  throw new RunnerError(
    'TRACKER_REFUSED',
    `the PM server has a task with the id ${JSON.stringify(id)}, which no path of its API can name`,
    {
      advice: 'Give the task another id at the PM server; it stands before all others.',
    },
  )
}
