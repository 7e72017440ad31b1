import type { ControlPlane } from '../../../board/control-plane.ts'
import { wishesOf, workOf } from '../../../board/queue/waiting-room.ts'
import type { Claimer } from '../../../board/queue/workers.ts'
import type { Conclusion } from '../../../board/runs/endings.ts'
import type { Report, Tracker } from '../../../core/ports/tracker.ts'
import type { AgentIdentity, Task } from '../../../core/task.ts'
import { onlyTask } from '../../../core/task-schema.ts'
import { HEARTBEAT_MS, type HoldingSource, openHolders, orLost } from '../control-plane-holders.ts'
import { throwIfAborted, unknownWishes } from './embedded-tracker.ts'

/** Projects of this machine belong to no customer. */
const HERE = { customer: '', name: 'lanes' }

/**
 * A control plane in this process as a tracker, for the tasks of all projects of this machine. A taken task is held by a lease, as by a
 * runner elsewhere: others that share the database take over when this process is gone for long. The caller keeps and closes the control
 * plane.
 */
export function openBeside(plane: ControlPlane, here: { machine: string; labels?: readonly string[] }): Tracker {
  const holders = openHolders(holdingsIn(plane, here), here.machine)
  const { queue } = plane

  const conclude = (agent: AgentIdentity, task: Task, { runId, ...report }: Omit<Report, 'status'> & Conclusion, signal: AbortSignal) =>
    orLost(async () => queue.conclude(HERE, await holders.of(agent, task, runId, signal), task.id, report))

  const holding = (agent: AgentIdentity, task: Task, signal: AbortSignal) => {
    throwIfAborted(signal)
    return queue.holding(HERE, { ...agent, ...here }, task.id)
  }

  return {
    name: 'embedded',
    url: plane.url,
    heartbeatMs: HEARTBEAT_MS,
    async register(agent, signal) {
      throwIfAborted(signal)
      await plane.workers.register(HERE, { ...agent, ...here })
    },
    async look(agent, waitSeconds, signal) {
      throwIfAborted(signal)
      const concern = { topic: workOf(HERE.customer), group: JSON.stringify([agent.role, agent.level, here.labels]) }
      const found = await plane.wait(concern, waitSeconds * 1_000, signal, () => queue.look(HERE, { ...agent, ...here }))
      throwIfAborted(signal)
      return found && onlyTask({ ...found, repo: found.project })
    },
    claim: (agent, task, runId, signal) => holders.claim(agent, task, runId, signal),
    holding,
    async heartbeat(agent, task, signal) {
      await orLost(async () => queue.renew(HERE, await holders.of(agent, task, null, signal)))
      return holding(agent, task, signal)
    },
    report: (agent, task, report, signal) => conclude(agent, task, { kind: 'reported', ...report }, signal),
    giveBack: (agent, task, report, signal) => conclude(agent, task, { kind: 'given_back', ...report }, signal),
    park: (agent, task, report, signal) => conclude(agent, task, { kind: 'parked', ...report }, signal),
    async mentions(agent, signal) {
      throwIfAborted(signal)
      return plane.mentions.unread(HERE, agent.id)
    },
    async markRead(agent, ids, signal) {
      throwIfAborted(signal)
      await plane.mentions.markRead(HERE, agent.id, ids)
    },
    steering: {
      async wanted(agent, task, runId, known, waitSeconds, signal) {
        await queue.renew(HERE, await holders.of(agent, task, runId, signal))
        const look = async () => unknownWishes(await queue.wanted(HERE, runId), known)
        const wishes = await plane.wait({ topic: wishesOf(runId), group: JSON.stringify(known) }, waitSeconds * 1_000, signal, look)
        throwIfAborted(signal)
        return wishes ?? []
      },
      stopped: (agent, task, report, signal) => conclude(agent, task, { kind: 'stopped', ...report }, signal),
    },
    mirror: {
      async publish(agent, runId, events, signal) {
        await queue.publish(HERE, await holders.ofRun(agent, runId, signal), events)
      },
      async upload(agent, runId, name, text, signal) {
        const contentType = name.endsWith('.json') ? 'application/json' : 'text/plain'
        await plane.artifacts.put(HERE, await holders.ofRun(agent, runId, signal), { name, contentType, body: text })
      },
    },
    ping: async signal => {
      throwIfAborted(signal)
      plane.mark()
    },
    close() {},
  }
}

/** Who holds what, as the control plane itself has it. */
function holdingsIn(plane: ControlPlane, here: Pick<Claimer, 'machine' | 'labels'>): HoldingSource {
  return {
    async run(runId, signal) {
      throwIfAborted(signal)
      return plane.runs.get(HERE, runId)
    },
    async task(taskId, signal) {
      throwIfAborted(signal)
      const { lastRunId, lockedBy } = await plane.tasks.get(HERE, taskId)
      return { runId: lastRunId, lockedBy }
    },
    async claim(agent, taskId, runId, signal) {
      throwIfAborted(signal)
      return (await plane.queue.claim(HERE, { ...agent, ...here }, taskId, runId))?.lease.epoch ?? null
    },
  }
}
