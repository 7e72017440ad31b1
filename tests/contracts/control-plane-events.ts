import { describe, expect, test } from 'vitest'
import type { Claimed } from '../../src/board/queue/queue.ts'
import { FAR_MS } from '../support/patience.ts'
import { bench, dev, me, type NewDatabase, told } from './control-plane-fixture.ts'

const never = () => new AbortController().signal

/** What timelines promise. */
export function eventPromises(newDatabase: NewDatabase): void {
  describe('a timeline', () => {
    test('what a runner tells is there in its order, and what it then knows of the run', async () => {
      const { create, plane, take } = await bench(newDatabase)
      const { id } = await create()
      const { holder } = await take()
      const tokens = { input: 1, output: 2, cacheRead: 3, cacheWrite: 4 }
      const work = {
        branch: 'feature/x',
        commits: [{ sha: 'abc', subject: 'feat: it' }],
        files: [
          { path: 'a', added: 3, removed: 1 },
          { path: 'b.png', added: null, removed: null },
        ],
      }
      const events = [
        told(1, 'workspace_ready', { workspace: { branch: 'feature/x', base: 'def' } }),
        told(2, 'attempt_started', { attempt: 1, sessionId: 's-1', model: 'haiku', directives: [] }),
        told(3, 'agent_thinking', { text: 'hm' }),
        told(4, 'tool_used', { id: 't', tool: 'TodoWrite', argument: '' }),
        told(5, 'tool_used', { id: 't', tool: 'Bash', argument: 'ls' }),
        told(6, 'attempt_ended', { attempt: 1, end: { reason: 'crashed', costUsd: 0.5, tokens, sessionId: 's-1' } }),
        told(7, 'attempt_ended', { attempt: 2, end: { reason: 'completed', costUsd: 0.25, tokens, sessionId: 's-1' } }),
        told(8, 'step_finished', { step: 'agent', result: 'completed', ms: 5 }),
        told(9, 'run_finished', { reason: 'completed', costUsd: 0.75, work }),
        told(10, 'something_new', { text: 'of a newer runner' }),
      ]
      expect(await plane.queue.publish(me, holder, events)).toEqual({ ackedSeq: 10 })
      expect(await plane.runs.get(me, id)).toMatchObject({
        ...{ currentIteration: 1, sessionId: 's-1', model: 'haiku', branch: 'feature/x', base: 'def', toolCalls: 2, costUsd: 0.75 },
        tokens: { input: 2, output: 4, cacheRead: 6, cacheWrite: 8 },
        commits: work.commits,
        diffSummary: { files: 2, insertions: 3, deletions: 1 },
      })
      const timeline = await plane.events.ofRun(me, id)
      expect(timeline.map(event => event.type)).toEqual([
        ...['RUN_CREATED', 'RUN_STARTED', 'LOG', 'EXECUTING', 'AGENT_THINKING', 'PLAN_GENERATED', 'TOOL_USED'],
        ...['LOG', 'LOG', 'STEP_COMPLETED', 'LOG', 'LOG'],
      ])
      expect(timeline.map(event => event.seq)).toEqual(timeline.map((_, i) => i + 1))
      expect(timeline.at(-1)).toMatchObject({
        runId: id,
        at: '2026-01-01T00:00:10.000Z',
        data: { type: 'something_new', text: 'of a newer runner' },
      })
    })

    test('sending it again, in part or whole, changes nothing', async () => {
      const { create, plane, take } = await bench(newDatabase)
      const { id } = await create()
      const { holder } = await take()
      const events = Array.from({ length: 30 }, (_, i) => told(i + 1, 'tool_used', { id: `${i}`, tool: 'Bash', argument: '' }))
      expect(await plane.queue.publish(me, holder, events.slice(0, 20))).toEqual({ ackedSeq: 20 })
      expect(await plane.queue.publish(me, holder, events.slice(5, 15))).toEqual({ ackedSeq: 20 })
      expect(await plane.queue.publish(me, holder, events)).toEqual({ ackedSeq: 30 })
      await Promise.all([plane.queue.publish(me, holder, events), plane.queue.publish(me, holder, events)])
      const timeline = await plane.events.ofRun(me, id, { types: ['TOOL_USED'] })
      expect(timeline.map(event => event.data.id)).toEqual(events.map((_, i) => `${i}`))
      expect((await plane.runs.get(me, id)).toolCalls).toBe(30)
    })

    test('what is not of the expected shape is a line of the timeline, and harms nothing', async () => {
      const { create, plane, take } = await bench(newDatabase)
      const { id } = await create()
      const { holder } = await take()
      const odd = ['attempt_ended', 'run_finished', 'workspace_ready', 'attempt_started', 'constructor'].map((type, i) =>
        told(i + 1, type, { end: 'x', costUsd: 'y', workspace: null, text: 'a\0b' }),
      )
      await plane.queue.publish(me, holder, odd)
      expect(await plane.runs.get(me, id)).toMatchObject({ costUsd: 0, branch: null, currentIteration: 0 })
      expect((await plane.events.ofRun(me, id)).at(-1)!.data).toMatchObject({ type: 'constructor', text: 'a\0b' })
    })

    test('can be read from any cursor on, by page, by type, and from its end', async () => {
      const { create, plane, take } = await bench(newDatabase)
      const { id } = await create()
      const { holder } = await take()
      await plane.queue.publish(
        me,
        holder,
        Array.from({ length: 9 }, (_, i) => told(i + 1, i % 2 ? 'agent_text' : 'agent_thinking')),
      )
      const all = await plane.events.ofRun(me, id)
      const pages: typeof all = []
      for (let page = await plane.events.ofRun(me, id, { limit: 4 }); page.length > 0; ) {
        pages.push(...page)
        page = await plane.events.ofRun(me, id, { limit: 4, after: page.at(-1)!.cursor })
      }
      expect(pages).toEqual(all)
      expect(await plane.events.ofRun(me, id, { newest: true, limit: 3 })).toEqual(all.slice(-3))
      expect(await plane.events.ofRun(me, id, { types: ['AGENT_THINKING'] })).toHaveLength(5)
      expect(await plane.events.last()).toBe(all.at(-1)!.cursor)
    })

    test('nobody changes or deletes a line', async () => {
      const { create, database } = await bench(newDatabase)
      await create()
      await expect(database.ask(`update run_events set type = 'X'`)).rejects.toThrow('never changed')
      await expect(database.ask('delete from run_events')).rejects.toThrow('retention')
    })

    test('whoever reads on from the last cursor it saw, while many write, sees every event once and in order', async () => {
      const { create, plane, open, database } = await bench(newDatabase)
      const writers = [plane, await open(), await open(), await open()]
      const claims: Claimed[] = []
      for (let i = 0; i < 4; i++) {
        await create(`run ${i}`)
        claims.push((await plane.queue.next(me, dev(`dev_${i}`)))!)
      }
      let writing = true
      const reader = await open()
      const seen: number[] = []
      const reading = (async () => {
        for (let after = 0; ; ) {
          const last = !writing
          const mark = reader.mark()
          const page = await reader.events.all(me, { after, limit: 7 })
          seen.push(...page.map(event => event.cursor))
          after = page.at(-1)?.cursor ?? after
          if (page.length > 0) continue
          if (last) return
          await reader.changed(mark, 1_000, never())
        }
      })()
      await Promise.all(
        writers.map(async (writer, i) => {
          const { run, lease } = claims[i]!
          const holder = { agentId: `dev_${i}`, runId: run.id, epoch: lease.epoch }
          for (let n = 0; n < 25; n++)
            await writer.queue.publish(me, holder, [told(2 * n + 1, 'agent_text'), told(2 * n + 2, 'agent_text')])
        }),
      )
      writing = false
      await reading
      const all = await database.ask('select cursor from run_events order by cursor')
      expect(seen).toEqual(all.map(row => Number(row.cursor)))
      expect(seen).toHaveLength(208)
    })

    test('who waits is woken by a change of another process at once, and by the end of its time', async () => {
      const { create, plane, open } = await bench(newDatabase)
      const other = await open()
      expect(await other.changed(other.mark(), 300, never()).catch(String)).toBeTypeOf('boolean')
      const mark = other.mark()
      expect(await other.changed(mark, 50, never())).toBe(false)
      const waiting = other.changed(mark, FAR_MS, never())
      await create()
      expect(await waiting).toBe(true)
      expect(await other.changed(mark, FAR_MS, never())).toBe(true)
      const stop = new AbortController()
      const stopped = plane.changed(plane.mark(), FAR_MS, stop.signal)
      stop.abort()
      await expect(stopped).rejects.toMatchObject({ code: 'ABORTED' })
    })

    test('by age first the log goes, then all, but only of runs that are over', async () => {
      const { create, plane, take, typesOf, database } = await bench(newDatabase)
      const ids: string[] = []
      for (let i = 0; i < 3; i++) ids.push((await create(`run ${i}`)).id)
      for (const [i, id] of ids.entries()) {
        const { holder, task } = await take(dev(`dev_${i}`))
        await plane.queue.publish(me, holder, [told(1, 'agent_text'), told(2, 'tool_used', { id: '1', tool: 'Bash', argument: '' })])
        await plane.artifacts.put(me, holder, { name: 'diff.patch', contentType: 'text/x-diff', body: '+ä' })
        if (i > 0) await plane.queue.conclude(me, holder, task.id, { kind: 'reported', status: 'dev_done', note: '' })
        if (i > 0) await database.ask(`update runs set finished_at = '20${24 + i}-01-01T00:00:00.000Z' where id = '${id}'`)
      }
      await database.ask(`update runs set created_at = '2020-01-01T00:00:00.000Z'`)
      const days = (text: string) => (Date.now() - Date.parse(text)) / 86_400_000
      expect(await plane.retain({ logDays: days('2026-06-01'), eventDays: days('2025-06-01') })).toBe(6 + 3)
      expect(await typesOf(ids[0]!)).toEqual(['RUN_CREATED', 'RUN_STARTED', 'LOG', 'TOOL_USED', 'LOG'])
      expect(await typesOf(ids[1]!)).toEqual([])
      expect(await plane.artifacts.list(me, ids[1]!)).toEqual([])
      expect(await typesOf(ids[2]!)).toEqual(['RUN_CREATED', 'RUN_STARTED', 'RUN_COMPLETED'])
      expect(await plane.artifacts.list(me, ids[2]!)).toMatchObject([{ name: 'diff.patch', size: 3 }])
      expect(await plane.retain({ logDays: days('2026-06-01'), eventDays: days('2025-06-01') })).toBe(0)
      expect(await plane.retain({})).toBe(0)
      await expect(database.ask('delete from run_events')).rejects.toThrow('retention')
    })
  })
}
