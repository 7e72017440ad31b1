import { describe, expect, onTestFinished, test } from 'vitest'
import { openBeside } from '../../../../src/connectors/control-plane/in-process/lane-tracker.ts'
import type { AgentIdentity, Task } from '../../../../src/core/task.ts'
import { trackerKeepsItsPromises } from '../../../contracts/tracker.ts'
import { postgresServer } from '../../../support/postgres.ts'
import { caller, controlPlaneFixture } from '../http/control-plane-http-fixture.ts'

const never = () => new AbortController().signal
const agent: AgentIdentity = { id: 'lane-1', role: 'backend_dev', level: 'senior' }
const postgres = postgresServer()

/** A lane beside the server instead of a runner elsewhere. */
async function beside(...how: Parameters<typeof controlPlaneFixture>) {
  const at = await controlPlaneFixture(...how)
  return { ...at, tracker: (machine = 'here', more: { labels?: string[] } = {}) => openBeside(at.plane, { machine, ...more }) }
}

trackerKeepsItsPromises('a control plane in this process on SQLite', drafts => beside(drafts))
trackerKeepsItsPromises('a control plane in this process on PostgreSQL', async drafts => {
  const url = await postgres.database()
  return beside(drafts, { url, change: async (statement, value) => void (await postgres.ask(url, statement, [value])) })
})

describe('a lane', () => {
  async function claimed() {
    const at = await beside([{ title: 'one' }])
    onTestFinished(() => at.close())
    const lane = at.tracker()
    const task = (await lane.look(agent, 0, never())) as Task
    const runId = task.runId as string
    expect(await lane.claim(agent, task, runId, never())).toBe('ours')
    return { at, lane, task, runId }
  }

  test('holds its run by a lease that heartbeats renew, also after a restart', async () => {
    const { at, lane, task, runId } = await claimed()
    const until = async () => Date.parse((await at.plane.runs.get(caller, runId)).leaseUntil!)
    for (const tracker of [lane, at.tracker()]) {
      await at.change('update runs set lease_until = lease_until - 60000 where id = $1', runId)
      expect(await until()).toBeLessThan(Date.now() + 40_000)
      expect(await tracker.heartbeat(agent, task, never())).toBe('ours')
      expect(await until()).toBeGreaterThan(Date.now() + 60_000)
    }
  })

  test('tells in which repository a task is to be done, and sees no task of a customer', async () => {
    const at = await beside([])
    onTestFinished(() => at.close())
    const theirs = await at.plane.projects.create(caller, { name: 'theirs', localPath: '/srv/theirs', customer: 'acme' })
    await at.plane.tasks.add(caller, { title: 'theirs', role: 'backend_dev', projectId: theirs.id, priority: 9 })
    expect(await at.tracker().look(agent, 0, never())).toBeNull()
    await at.add({ title: 'ours' })
    expect(await at.tracker().look(agent, 0, never())).toMatchObject({ title: 'ours', repo: '/srv/shop' })
  })

  test('takes tasks that ask for what it has, and no others', async () => {
    const at = await beside([])
    onTestFinished(() => at.close())
    await at.add({ title: 'heavy', labels: ['gpu'] } as never)
    expect(await at.tracker().look(agent, 0, never())).toBeNull()
    const able = at.tracker('here', { labels: ['gpu'] })
    const task = (await able.look(agent, 0, never())) as Task
    expect(await able.claim(agent, task, task.runId!, never())).toBe('ours')
  })

  test('that was not heard of loses its run to the lane of another machine, whatever that is called', async () => {
    const { at, lane, task, runId } = await claimed()
    const other = at.tracker('elsewhere')
    expect(await other.holding(agent, task, never())).toBe('someone_else')
    expect(await other.claim(agent, task, runId, never())).toBe('taken')
    await at.expire(agent.id)
    expect(await other.claim(agent, task, runId, never())).toBe('ours')
    const report = { status: 'dev_done', note: `late\n\n${runId}`, runId }
    for (const late of [lane, at.tracker()]) {
      expect(await late.heartbeat(agent, task, never())).toBe('someone_else')
      expect(await late.report(agent, task, report, never())).toBe('lost')
    }
    expect(await other.report(agent, task, report, never())).toBe('reported')
  })
})
