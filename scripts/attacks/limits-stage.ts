import { existsSync, readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { startPostgres } from '../../tests/support/postgres-process.ts'
import { workAsUsual } from '../../tests/support/usual-work.ts'
import type { Attack } from './frame.ts'
import { startTarget, type Target } from './server-stage.ts'

/** How much the server may work before it answers somebody who asks for nothing, as a multiple of usual work; the faults were 100 times as much. */
export const SHORTLY = 4
/** The same where ten pages of a megabyte are asked for at once, which may all come first; the faults were 1,000 times as much. */
export const AFTER_TEN_PAGES = 20

/** How much the server worked, at worst, between such a question and its answer while something happened. What else runs on the machine is in neither. */
export async function worstWait(target: Target, meanwhile: () => Promise<unknown>): Promise<number> {
  let worst = 0
  let over = false
  const asking = (async () => {
    while (!over) {
      const before = workOf(target)
      await target.ask('/livez')
      worst = Math.max(worst, workOf(target) - before)
      await delay(5)
    }
  })()
  await meanwhile()
  over = true
  await asking
  return worst / usual()
}

/** How long the loop of the server has worked, in milliseconds of a processor; where the system does not tell, what time it is. */
function workOf({ program }: Target): number {
  const { pid } = program.child
  const file = `/proc/${pid}/task/${pid}/schedstat`
  return existsSync(file) ? Number(readFileSync(file, 'utf8').split(' ')[0]) / 1e6 : performance.now()
}

/** How long usual work takes here and now. */
function usual(): number {
  const once = () => {
    const before = process.cpuUsage()
    workAsUsual()
    const { user, system } = process.cpuUsage(before)
    return (user + system) / 1_000
  }
  return Math.min(...Array.from({ length: 5 }, once))
}

export const project = async (target: Target): Promise<string> =>
  (await target.own('/projects', { method: 'POST', json: { name: 'shop', local_path: '/srv/shop' } })).json.id

/** A run that a worker holds, and how it tells of it. */
export async function held(target: Target, project: string) {
  const post = (path: string, json: unknown) => target.own(path, { method: 'POST', json })
  await post('/runs', { project_id: project, goal: 'Mend it', role: 'backend_dev' })
  const { run, task, lease } = (await target.own('/api/v1/tasks/poll?agent_id=dev_1&role=backend_dev&level=senior')).json
  const words = { agent_id: 'dev_1', run_id: run.id, epoch: lease.epoch }
  const event = (seq: number, more: object) => ({ seq, at: '2026-01-01T00:00:00.000Z', ...more })
  return {
    tell: (...events: object[]) =>
      post(`/api/v1/tasks/${task.id}/logs`, { ...words, events: events.map((more, i) => event(i + 1, { ...more })) }),
    end: (note: string) => post(`/api/v1/tasks/${task.id}/complete`, { ...words, note }),
    upload: (body: string) =>
      target.own(`/api/v1/runs/${run.id}/artifacts/diff.patch?agent_id=dev_1&epoch=${lease.epoch}`, {
        ...{ method: 'PUT', headers: { 'content-type': 'text/plain' }, body },
      }),
    now: async () => (await target.own(`/runs/${run.id}`)).json,
    events: async (): Promise<{ data: { type?: string } }[]> => (await target.own(`/runs/${run.id}/events?limit=1000`)).json,
  }
}

/** An attack on a server with one project, which is made before it. */
export interface Row {
  name: string
  run(on: { target: Target; id: string }): ReturnType<Attack['run']>
}

/** The same on each database. */
export const onBoth = ({ name, run }: Row): Attack[] => [
  {
    name: `${name}, on SQLite`,
    async run(stage) {
      const target = await startTarget(stage)
      return run({ target, id: await project(target) })
    },
  },
  {
    name: `${name}, on PostgreSQL`,
    async run(stage) {
      const postgres = await startPostgres(['fsync=off'])
      try {
        const target = await startTarget(stage, ['--database', postgres.urlOf('postgres')])
        return await run({ target, id: await project(target) })
      } finally {
        await postgres.close()
      }
    },
  },
]
