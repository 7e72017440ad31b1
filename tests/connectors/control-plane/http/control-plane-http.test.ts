import { describe, expect, onTestFinished, test } from 'vitest'
import type { AgentIdentity, Task } from '../../../../src/core/task.ts'
import { trackerKeepsItsPromises } from '../../../contracts/tracker.ts'
import { postgresServer } from '../../../support/postgres.ts'
import { waitFor } from '../../../support/wait-for.ts'
import { caller, controlPlaneFixture as fixture } from './control-plane-http-fixture.ts'

const never = () => new AbortController().signal
const agent: AgentIdentity = { id: 'dev_1', role: 'backend_dev', level: 'senior' }
const postgres = postgresServer()

trackerKeepsItsPromises("a control plane's server on SQLite", drafts => fixture(drafts))
trackerKeepsItsPromises("a control plane's server on PostgreSQL", async drafts => {
  const url = await postgres.database()
  return fixture(drafts, { url, change: async (statement, value) => void (await postgres.ask(url, statement, [value])) })
})

/** One task, claimed by a registered agent. */
async function claimed() {
  const at = await fixture([{ title: 'one' }])
  onTestFinished(() => at.close())
  const tracker = at.tracker()
  await tracker.register(agent, never())
  const task = (await tracker.look(agent, 0, never())) as Task
  const run = task.runId as string
  expect(await tracker.claim(agent, task, run, never())).toBe('ours')
  return { at, tracker, task, run }
}

describe('the tracker over HTTP', () => {
  test('a claim starts the run that waits, with a lease that a heartbeat renews', async () => {
    const { at, tracker, task, run } = await claimed()
    const before = await at.plane.runs.get(caller, run)
    expect(before).toMatchObject({ status: 'RUNNING', agentId: 'dev_1', epoch: 1 })
    expect(Date.parse(before.leaseUntil!) - Date.now()).toBeGreaterThan(60_000)
    await at.change('update runs set lease_until = lease_until - 60000 where id = $1', run)
    const shortened = (await at.plane.runs.get(caller, run)).leaseUntil!
    expect(await tracker.heartbeat(agent, task, never())).toBe('ours')
    expect((await at.plane.runs.get(caller, run)).leaseUntil! > shortened).toBe(true)
    expect(3 * tracker.heartbeatMs!).toBeLessThanOrEqual(90_000)
  })

  test('after a restart of runner and server the run goes on by the same claim', async () => {
    const { at, task, run } = await claimed()
    await at.restart()
    const fresh = at.tracker()
    expect(await fresh.heartbeat(agent, task, never())).toBe('ours')
    expect(await fresh.claim(agent, task, run, never())).toBe('ours')
    expect(await at.plane.runs.get(caller, run)).toMatchObject({ epoch: 1, status: 'RUNNING' })
    expect(await fresh.report(agent, task, { status: 'dev_done', note: `done\n\n${run}`, runId: run }, never())).toBe('reported')
    expect(await at.plane.runs.get(caller, run)).toMatchObject({ status: 'COMPLETED' })
  })

  test('a runner whose lease was over and whose run another took changes nothing any more, and is told that it is lost', async () => {
    const { at, tracker, task, run } = await claimed()
    await at.expire('dev_1')
    const other = { ...agent, id: 'dev_2' }
    expect(await at.tracker().claim(other, task, run, never())).toBe('ours')
    const before = await at.plane.events.ofRun(caller, run)
    const lost = { kind: 'lost' }
    const event = { type: 'warning', message: 'late', at: new Date().toISOString(), seq: 1, runId: run, agentId: 'dev_1' } as const
    for (const late of [tracker, at.tracker()]) {
      await expect(late.mirror!.publish(agent, run, [event], never())).rejects.toMatchObject(lost)
      await expect(late.mirror!.upload(agent, run, 'diff.patch', 'late', never())).rejects.toMatchObject(lost)
      await expect(late.steering!.wanted(agent, task, run, [], 0, never())).rejects.toMatchObject(lost)
      expect(await late.report(agent, task, { status: 'dev_done', note: 'late', runId: run }, never())).toBe('lost')
      expect(await late.heartbeat(agent, task, never())).toBe('someone_else')
    }
    expect(await at.plane.events.ofRun(caller, run)).toEqual(before)
    expect(await at.plane.artifacts.list(caller, run)).toEqual([])
  })

  test('of two machines under one agent id one holds the run, and the other works on something else', async () => {
    const { at, tracker, task, run } = await claimed()
    const other = at.client({ machine: 'elsewhere' })
    expect(await other.claim(agent, task, run, never())).toBe('taken')
    expect(await other.holding(agent, task, never())).toBe('someone_else')
    await expect(other.steering!.wanted(agent, task, run, [], 0, never())).rejects.toMatchObject({ kind: 'lost' })
    expect(await at.client().claim(agent, task, run, never())).toBe('ours')
    await at.add({ title: 'two' })
    const second = (await other.look(agent, 0, never())) as Task
    expect(second.title).toBe('two')
    expect(await other.claim(agent, second, second.runId!, never())).toBe('ours')
    for (const [who, what] of [
      [tracker, task],
      [other, second],
    ] as const)
      expect(await who.heartbeat(agent, what, never())).toBe('ours')
    // As soon as the lease of the first is over it is the other's, by a claim of its own.
    await at.change('update runs set lease_until = 1 where id = $1', run)
    await at.plane.queue.sweep()
    expect(await other.claim(agent, task, run, never())).toBe('ours')
    expect(await at.plane.runs.get(caller, run)).toMatchObject({ epoch: 2, machine: 'elsewhere' })
    expect(await tracker.report(agent, task, { status: 'dev_done', note: 'late', runId: run }, never())).toBe('lost')
  })

  test('a task that asks for labels is given to who has all of them, and the runner is known by them', async () => {
    const at = await fixture([])
    onTestFinished(() => at.close())
    const id = await at.add({ title: 'heavy', labels: ['gpu', 'linux'] } as never)
    expect(await at.client({ labels: ['gpu'] }).look(agent, 0, never())).toBeNull()
    const able = at.client({ labels: ['linux', 'gpu', 'fast'] })
    await able.register(agent, never())
    const task = (await able.look(agent, 0, never())) as Task
    expect(task.id).toBe(id)
    expect(await able.claim(agent, task, task.runId!, never())).toBe('ours')
    expect((await at.plane.workers.list(caller)).items[0]).toMatchObject({ agentId: 'dev_1', labels: ['linux', 'gpu', 'fast'] })
  })

  test('a wish reaches the runner that waits for one at once, and is told only until it is known', async () => {
    const { at, tracker, task, run } = await claimed()
    const began = performance.now()
    const waiting = tracker.steering!.wanted(agent, task, run, [], 20, never())
    await tracker.heartbeat(agent, task, never())
    const { wishId } = await at.plane.runs.directive(caller, run, { text: 'Use tabs.', mode: 'now' })
    expect(await waiting).toEqual([{ id: wishId, kind: 'directive', text: 'Use tabs.', mode: 'now' }])
    expect(performance.now() - began).toBeLessThan(20_000)
    expect(await tracker.steering!.wanted(agent, task, run, [wishId!], 0, never())).toEqual([])
  })

  test('events and files arrive in order, once, also when they are sent again; what is too large for the server is refused for good', async () => {
    const { at, tracker, run } = await claimed()
    const at0 = new Date().toISOString()
    const event = (seq: number, message: string) => ({ type: 'warning', message, at: at0, seq, runId: run, agentId: 'dev_1' }) as const
    const events = [event(1, 'one'), event(2, 'x'.repeat(300_000)), event(3, 'end')]
    await tracker.mirror!.publish(agent, run, events, never())
    await tracker.mirror!.publish(agent, run, events.slice(0, 1), never())
    const kept = (await at.plane.events.ofRun(caller, run)).filter(({ data }) => 'message' in data)
    expect(kept.map(({ data }) => String(data.message).slice(0, 60))).toEqual(['one', 'x'.repeat(60), 'end'])
    const huge = tracker.mirror!.publish(agent, run, [event(4, 'z'.repeat(6_000_000))], never())
    await expect(huge).rejects.toMatchObject({ code: 'TRACKER_REFUSED', message: expect.stringContaining('413') })
    await tracker.mirror!.upload(agent, run, 'result.json', '{"ok":true}', never())
    expect(String((await at.plane.artifacts.get(caller, run, 'result.json'))?.body)).toBe('{"ok":true}')
  })

  test('a stop that was wished ends the run and the task for good', async () => {
    const { at, tracker, task, run } = await claimed()
    await at.plane.runs.stop(caller, run)
    const [wish] = await tracker.steering!.wanted(agent, task, run, [], 5, never())
    expect(wish).toMatchObject({ kind: 'stop' })
    for (let time = 0; time < 2; time++)
      expect(await tracker.steering!.stopped(agent, task, { note: `stopped\n\n${run}`, runId: run }, never())).toBe('reported')
    expect(await at.plane.runs.get(caller, run)).toMatchObject({ status: 'STOPPED' })
    expect(await at.statusOf(task.id)).toBe('cancelled')
  })

  test('the project is found by its name or its path at the server; one that is not there is said', async () => {
    const at = await fixture([{ title: 'one' }])
    onTestFinished(() => at.close())
    expect((await at.client({ project: '/srv/shop' }).look(agent, 0, never()))?.title).toBe('one')
    await expect(at.client({ project: 'mall' }).look(agent, 0, never())).rejects.toMatchObject({
      code: 'NOT_FOUND',
      message: expect.stringContaining('"mall"'),
    })
  })

  test('a server that is away is unreachable, and a wrong key is not accepted', async () => {
    const at = await fixture([])
    onTestFinished(() => at.close())
    await expect(at.client({ url: 'http://127.0.0.1:9' }).ping(never())).rejects.toMatchObject({
      code: 'TRACKER_UNREACHABLE',
      message: expect.stringContaining('the control plane'),
    })
    await expect(at.client({ key: 'ar_wrong' }).ping(never())).rejects.toMatchObject({
      code: 'TRACKER_UNAUTHORISED',
      advice: expect.stringContaining('keys create'),
    })
    await waitFor('still well', async () => (await at.tracker().ping(never())) === undefined)
  })
})
