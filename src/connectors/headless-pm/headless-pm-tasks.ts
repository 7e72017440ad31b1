import { RunnerError } from '../../core/errors.ts'
import type { AgentIdentity, Task } from '../../core/task.ts'
import type { TrackerHttp, TrackerReply } from '../../http/http-client.ts'
import {
  understood,
  type WireChange,
  type WireTask,
  wireChanges,
  wireRegistered,
  wireTask,
  wireTasks,
  wireUpdate,
} from './headless-pm-wire.ts'

/** The single calls on which claiming and ending are built. */
export interface HeadlessPmTasks {
  register(agent: AgentIdentity, signal: AbortSignal): Promise<void>
  /** The task as it is now, or null when the server does not know it. `likely` is the status it probably has. */
  find(task: Task, likely: string, signal: AbortSignal): Promise<WireTask | null>
  /** Tries to lock; says nothing about who holds it afterwards, since even a success may be overwritten. */
  lock(agent: AgentIdentity, task: Task, signal: AbortSignal): Promise<'locked' | 'refused' | 'gone'>
  /** Writes the status and, when given, replaces the notes; null when the task is gone, `unknown_status` when the server has no such word. */
  write(
    agent: AgentIdentity,
    task: Task,
    change: { status: string; notes?: string },
    signal: AbortSignal,
  ): Promise<WireTask | 'unknown_status' | null>
  /** The last 500 changes of status of all tasks, newest first. */
  changes(signal: AbortSignal): Promise<WireChange[]>
}

/** The answer of a server to an unknown path. */
export const NO_SUCH_PATH = [404, 405]

/** Throws TRACKER_CONFUSED when a path that every Headless PM server has is not there: something else answers at the address. */
export function refuseStranger(http: TrackerHttp, path: string, { status }: TrackerReply): void {
  if (NO_SUCH_PATH.includes(status))
    throw new RunnerError('TRACKER_CONFUSED', `what answers at ${http.url} is no Headless PM server: it knows no ${path} (${status})`, {
      advice: 'Check HEADLESS_PM_API_URL; is a proxy or another program in its place?',
    })
}

/** Those calls over HTTP. */
export function headlessPmTasks(http: TrackerHttp, connectionType: string): HeadlessPmTasks {
  let levelName: 'level' | 'skill_level' = 'level'

  async function register(agent: AgentIdentity, signal: AbortSignal): Promise<void> {
    const send = () => {
      const body = { agent_id: agent.id, role: agent.role, [levelName]: agent.level, connection_type: connectionType }
      return http.call({ method: 'POST', path: '/register', body, accept: [...NO_SUCH_PATH, 422], signal })
    }
    let reply = await send()
    // Older servers miss `skill_level` in what we sent.
    if (reply.status === 422 && levelName === 'level' && complainsAbout(reply, 'skill_level')) {
      levelName = 'skill_level'
      reply = await send()
    }
    if (reply.status === 422) throw http.refusal(reply)
    refuseStranger(http, '/register', reply)
    // A proxy that answers 200 by itself has registered nobody.
    understood(wireRegistered, reply.body)
  }

  /** A 404 means an unknown task or an agent that was deleted at the server; the second can be mended. */
  async function asRegistered(agent: AgentIdentity, signal: AbortSignal, send: () => Promise<TrackerReply>): Promise<TrackerReply> {
    const reply = await send()
    if (reply.status !== 404) return reply
    await register(agent, signal)
    return send()
  }

  return {
    register,
    async find(task, likely, signal) {
      // There is no GET for one task. The short list first: the whole one grows with the project's history.
      const narrow = { status: likely, role: task.role }
      const short = await http.call({ method: 'GET', path: '/tasks', query: narrow, accept: [422], signal })
      const near = short.status === 422 ? undefined : understood(wireTasks, short.body).find(({ id }) => id === task.id)
      if (near) return near
      const whole = await http.call({ method: 'GET', path: '/tasks', signal })
      return understood(wireTasks, whole.body).find(({ id }) => id === task.id) ?? null
    },
    async lock(agent, task, signal) {
      const path = `/tasks/${encodeURIComponent(task.id)}/lock`
      const send = () => http.call({ method: 'POST', path, query: { agent_id: agent.id }, accept: [404, 409], signal })
      const { status, body } = await asRegistered(agent, signal, send)
      if (status === 404) return 'gone'
      if (status === 409) return 'refused'
      understood(wireTask, body)
      return 'locked'
    },
    async write(agent, task, change, signal) {
      const path = `/tasks/${encodeURIComponent(task.id)}/status`
      const send = () => http.call({ method: 'PUT', path, query: { agent_id: agent.id }, body: change, accept: [404, 422], signal })
      const reply = await asRegistered(agent, signal, send)
      if (reply.status === 404) return null
      if (reply.status !== 422) return understood(wireUpdate, reply.body).task
      if (complainsAbout(reply, 'status')) return 'unknown_status'
      throw http.refusal(reply)
    },
    async changes(signal) {
      const reply = await http.call({ method: 'GET', path: '/changelog', query: { limit: '500' }, signal })
      return understood(wireChanges, reply.body)
    },
  }
}

/** Whether a 422 names this field. */
function complainsAbout({ body }: TrackerReply, field: string): boolean {
  const detail = (body as { detail?: unknown } | null)?.detail
  return Array.isArray(detail) && detail.some((entry: { loc?: unknown[] } | null) => entry?.loc?.includes(field))
}
