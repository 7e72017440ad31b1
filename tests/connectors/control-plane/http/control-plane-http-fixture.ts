import { join } from 'node:path'
import { expect } from 'vitest'
import { openControlPlane } from '../../../../src/board/control-plane.ts'
import { type ControlPlaneHttpOptions, openControlPlaneHttp } from '../../../../src/connectors/control-plane/http/control-plane-http.ts'
import type { Tracker } from '../../../../src/core/ports/tracker.ts'
import { startServer } from '../../../../src/server/server.ts'
import type { TaskDraft, TrackerFixture } from '../../../contracts/tracker.ts'
import { HANGS_MS } from '../../../support/patience.ts'
import { changeRows } from '../../../support/rows.ts'
import { tempFolder } from '../../../support/temp.ts'

export const caller = { customer: null, name: 'user' }

/** A server on loopback over a database of its own, with the project `shop`, and what a person sees and does there. */
export async function controlPlaneFixture(drafts: TaskDraft[], { url, change }: Database = sqlite()) {
  const plane = await openControlPlane(url)
  const faults: unknown[] = []
  const start = (port = 0) =>
    startServer({
      controlPlane: plane,
      host: '127.0.0.1',
      port,
      version: '0',
      openToThisMachine: true,
      onFault: error => faults.push(error),
    })
  let server = await start()
  const { id: projectId } = await plane.projects.create(caller, { name: 'shop', localPath: '/srv/shop' })
  const trackers: Tracker[] = []
  const add = async ({ role = 'backend_dev', status = 'created', seniority = 'junior', ...draft }: TaskDraft) =>
    (await plane.tasks.add(caller, { ...draft, role, seniority, status: status as 'created', projectId })).id
  const client = (more: Partial<ControlPlaneHttpOptions> = {}) => {
    const tracker = openControlPlaneHttp({
      url: server.url,
      key: null,
      requestTimeoutMs: HANGS_MS,
      project: 'shop',
      machine: 'here',
      ...more,
    })
    trackers.push(tracker)
    return tracker
  }
  const ids: string[] = []
  for (const draft of drafts) ids.push(await add(draft))
  return {
    ...{ ids, add, plane, client, change },
    url: server.url,
    tracker: () => client(),
    statusOf: async (id: string) => (await plane.tasks.get(caller, id)).status,
    notesOf: async (id: string) => (await plane.tasks.get(caller, id)).notes,
    holderOf: async (id: string) => (await plane.tasks.get(caller, id)).lockedBy,
    move: async (id: string, status: string) => void (await plane.tasks.move(caller, id, status)),
    async expire(agentId: string) {
      await change('update runs set lease_until = 1 where agent_id = $1 and finished_at is null', agentId)
      await plane.queue.sweep()
    },
    remove: (id: string) => change('delete from tasks where id = $1', id),
    mention: async (agentId: string, text: string, taskId: string) =>
      void (await plane.tasks.note({ customer: null, name: 'pm_1' }, taskId, `@${agentId} ${text}`)),
    async restart() {
      const port = Number(new URL(server.url).port)
      await server.close()
      server = await start(port)
    },
    async close() {
      for (const tracker of trackers) tracker.close()
      await server.close()
      await plane.close()
      expect(faults).toEqual([])
    },
  } satisfies TrackerFixture & Record<string, unknown>
}

/** A running server with its tasks. */
export type ControlPlaneFixture = Awaited<ReturnType<typeof controlPlaneFixture>>

/** Where the control plane keeps what it knows, and how to change that behind its back. */
interface Database {
  url: string
  change(statement: string, value: string): Promise<void>
}

function sqlite(): Database {
  const url = join(tempFolder(), 'agent-runner.db')
  return {
    url,
    change: (statement, value) => changeRows(url, statement.replace('$1', '?'), value),
  }
}
