import { hostname } from 'node:os'
import * as z from 'zod'
import { project } from '../../../contract/project.ts'
import type { WireTask } from '../../../contract/task.ts'
import { claimAnswer, completionAnswer, heartbeatAnswer, holdingAnswer, logAnswer, mention, polled } from '../../../contract/worker.ts'
import { RunnerError } from '../../../core/errors.ts'
import { camelKeys } from '../../../core/key-case.ts'
import type { Report, Tracker } from '../../../core/ports/tracker.ts'
import type { AgentIdentity, Task } from '../../../core/task.ts'
import { onlyTask } from '../../../core/task-schema.ts'
import type { TrackerHttpOptions } from '../../../http/http-client.ts'
import { HEARTBEAT_MS, type HeldRun, type HoldingSource, openHolders, orLost } from '../control-plane-holders.ts'
import { type ControlPlaneCalls, openCalls } from './control-plane-calls.ts'

export interface ControlPlaneHttpOptions {
  /** Such as `http://localhost:8000`. */
  url: string
  key: TrackerHttpOptions['key']
  /** Milliseconds for one exchange; a long poll gets its waiting time on top. */
  requestTimeoutMs: number
  /** The project whose tasks are taken: its name, or the path that it has at the server. */
  project: string
  /** The name of this machine, which tells apart two machines with the same agent id. */
  machine: string
  /** What the runner has that tasks may ask for. */
  labels?: readonly string[]
}

/** The longest time that one poll waits at the server, in seconds. */
const LONGEST_POLL = 30

/**
 * A control plane's server as a tracker, for runners elsewhere. A taken task is held by a lease, whose number goes along with every
 * write: after another runner has taken over, no write from here changes anything. Opens no connection before the first call. Throws
 * CONFIG_INVALID for an unusable URL.
 */
export function openControlPlaneHttp(options: ControlPlaneHttpOptions): Tracker {
  const calls = openCalls(options)
  const { machine, labels = [] } = options
  const holders = openHolders(holdingsAt(calls, { machine, labels }), machine)
  const projectId = projectOf(calls, options.project)

  async function holding(agent: AgentIdentity, task: Task, signal: AbortSignal) {
    const path = `/api/v1/tasks/${encodeURIComponent(task.id)}/holding`
    return (await calls.get(path, holdingAnswer, { query: { ...who(agent), machine }, signal })).holding
  }

  /** One heartbeat: renews the lease, and receives what somebody wants of the run. */
  async function beat(
    agent: AgentIdentity,
    task: Task,
    runId: string | null,
    asked: { known: string[]; wait: number },
    signal: AbortSignal,
  ) {
    const held = await holders.of(agent, task, runId, signal)
    const path = `/api/v1/tasks/${encodeURIComponent(task.id)}/heartbeat`
    return calls.post(path, heartbeatAnswer, { body: { ...wordsOf(held), ...asked }, waitSeconds: asked.wait, signal })
  }

  async function conclude(
    agent: AgentIdentity,
    task: Task,
    outcome: 'reported' | 'given_back' | 'parked' | 'stopped',
    report: Omit<Report, 'status'> & { status?: string },
    signal: AbortSignal,
  ) {
    const { runId, note, status } = report
    return orLost(async () => {
      const held = await holders.of(agent, task, runId, signal)
      const path = `/api/v1/tasks/${encodeURIComponent(task.id)}/complete`
      return (await calls.post(path, completionAnswer, { body: { ...wordsOf(held), outcome, note, ...(status && { status }) }, signal }))
        .result
    })
  }

  return {
    name: 'control-plane',
    url: calls.url,
    heartbeatMs: HEARTBEAT_MS,
    async register(agent, signal) {
      const { id: agent_id, role, level } = agent
      await calls.post('/api/v1/workers', z.looseObject({ agent_id: z.literal(agent_id) }), {
        body: { agent_id, role, level, labels, host: hostname() },
        signal,
      })
    },
    async look(agent, waitSeconds, signal) {
      const project_id = await projectId(signal)
      const until = performance.now() + waitSeconds * 1000
      for (;;) {
        const left = Math.max(0, (until - performance.now()) / 1000)
        const wait = Math.min(LONGEST_POLL, Math.ceil(left))
        const query = { ...who(agent), machine, labels: labels.join(','), project_id, peek: 'true', wait: String(wait) }
        const found = await calls.get('/api/v1/tasks/poll', polled.nullable(), { query, waitSeconds: wait, signal })
        if (found) return taskFromWire(found.task)
        if (performance.now() >= until) return null
      }
    },
    claim: (agent, task, runId, signal) => holders.claim(agent, task, runId, signal),
    holding,
    async heartbeat(agent, task, signal) {
      await orLost(() => beat(agent, task, null, { known: [], wait: 0 }, signal))
      return holding(agent, task, signal)
    },
    report: (agent, task, report, signal) => conclude(agent, task, 'reported', report, signal),
    giveBack: (agent, task, report, signal) => conclude(agent, task, 'given_back', report, signal),
    park: (agent, task, report, signal) => conclude(agent, task, 'parked', report, signal),
    async mentions(agent, signal) {
      const found = await calls.get('/api/v1/mentions', z.array(mention), { query: { agent_id: agent.id }, signal })
      return found.map(({ id, from, text, task_id: taskId }) => ({ id, from, text, taskId }))
    },
    async markRead(agent, ids, signal) {
      await calls.post('/api/v1/mentions/read', z.null(), { body: { agent_id: agent.id, ids }, signal })
    },
    steering: {
      async wanted(agent, task, runId, known, waitSeconds, signal) {
        const wait = Math.min(LONGEST_POLL, waitSeconds)
        return (await beat(agent, task, runId, { known, wait }, signal)).wishes
      },
      stopped: (agent, task, report, signal) => conclude(agent, task, 'stopped', report, signal),
    },
    mirror: {
      async publish(agent, runId, events, signal) {
        const held = await holders.ofRun(agent, runId, signal)
        // The route belongs to a task, but the run and its epoch say which claim is meant.
        const path = `/api/v1/tasks/${encodeURIComponent(runId)}/logs`
        await calls.post(path, logAnswer, { body: { ...wordsOf(held), events }, signal })
      },
      async upload(agent, runId, name, text, signal) {
        const { agentId, epoch } = await holders.ofRun(agent, runId, signal)
        const path = `/api/v1/runs/${encodeURIComponent(runId)}/artifacts/${encodeURIComponent(name)}`
        await calls.put(path, text, z.looseObject({ name: z.literal(name) }), {
          query: { agent_id: agentId, epoch: String(epoch) },
          signal,
        })
      },
    },
    async ping(signal) {
      await calls.get('/worker/status', z.looseObject({ workers: z.number() }), { signal })
    },
    answerTimes: calls.answerTimes,
    close: calls.close,
  }
}

const who = ({ id, role, level }: AgentIdentity) => ({ agent_id: id, role, level })

const wordsOf = ({ agentId, runId, epoch }: HeldRun) => ({ agent_id: agentId, run_id: runId, epoch })

const seenTask = z.object({ run_id: z.string().nullable(), locked_by: z.string().nullable() })
const seenRun = z.object({ agent_id: z.string().nullable(), epoch: z.number(), machine: z.string().nullish() })

/** Who holds what, as a server tells it. */
function holdingsAt(calls: ControlPlaneCalls, here: Pick<ControlPlaneHttpOptions, 'machine' | 'labels'>): HoldingSource {
  return {
    async run(runId, signal) {
      const seen = await calls.get(`/runs/${encodeURIComponent(runId)}`, seenRun, { signal })
      return { agentId: seen.agent_id, epoch: seen.epoch, machine: seen.machine ?? null }
    },
    async task(taskId, signal) {
      const seen = await calls.get(`/api/v1/tasks/${encodeURIComponent(taskId)}`, seenTask, { signal })
      return { runId: seen.run_id, lockedBy: seen.locked_by }
    },
    async claim(agent, taskId, runId, signal) {
      const body = { ...who(agent), ...here, host: hostname(), run_id: runId }
      const answer = await calls.post(`/api/v1/tasks/${encodeURIComponent(taskId)}/claim`, claimAnswer, { body, signal })
      return answer.claim === 'ours' ? (answer.lease?.epoch ?? null) : null
    },
  }
}

/** Looks the project up once, by its name first. Throws NOT_FOUND, and looks again at the next call. */
function projectOf(calls: ControlPlaneCalls, wanted: string) {
  let found: string | undefined
  return async (signal: AbortSignal): Promise<string> => {
    for (const query of [{ name: wanted }, { local_path: wanted }] as Record<string, string>[]) {
      if (found !== undefined) break
      found = (await calls.get('/projects', z.array(project.pick({ id: true })), { query, signal }))[0]?.id
    }
    if (found !== undefined) return found
    throw new RunnerError('NOT_FOUND', `${calls.url} has no project with the name or path ${JSON.stringify(wanted)}`, {
      advice: 'Name one by --project, or make it: POST /projects.',
    })
  }
}

function taskFromWire({ acceptance_criteria: criteria, ...wire }: WireTask): Task {
  return onlyTask({ ...camelKeys(wire), criteria })
}
