import { describe, expect, test } from 'vitest'
import { planeProcess } from '../support/board-process.ts'
import { waitFor } from '../support/wait-for.ts'
import { bench, me, type NewDatabase } from './control-plane-fixture.ts'

/** What holds among processes, and when they are killed. */
export function processPromises(newDatabase: NewDatabase): void {
  describe('processes', () => {
    test('8 of them racing for 40 runs take each exactly once', async () => {
      const { create, plane, database } = await bench(newDatabase)
      const ids: string[] = []
      for (let i = 0; i < 40; i++) ids.push((await create(`run ${i}`)).id)
      const racers = await Promise.all(Array.from({ length: 8 }, (_, i) => planeProcess(database.url, 'takeAll', `dev_${i}`)))
      for (const racer of racers) racer.go()
      const lines = (await Promise.all(racers.map(racer => racer.ended()))).flat()
      expect(lines.sort()).toEqual(ids.map(id => `reported ${id}`).sort())
      expect(await plane.runs.counts(me)).toMatchObject({ COMPLETED: 40, QUEUED: 0, RUNNING: 0 })
      const types = await database.ask('select type, count(*) as n from run_events group by type order by type')
      expect(types.map(({ type, n }) => [type, Number(n)])).toEqual([
        ['RUN_COMPLETED', 40],
        ['RUN_CREATED', 40],
        ['RUN_STARTED', 40],
      ])
    })

    test('4 of them that open a new database at the same moment all get on', async () => {
      const { url } = await newDatabase()
      const openers = await Promise.all([1, 2, 3, 4].map(i => planeProcess(url, 'open', `dev_${i}`)))
      for (const opener of openers) opener.go()
      for (const opener of openers) expect(await opener.ended()).toEqual(['opened'])
    })

    test('one that is killed in the middle of its writes leaves everything whole, with all that was confirmed', async () => {
      const { plane, database } = await bench(newDatabase)
      const confirmed: Record<string, Set<string>> = { made: new Set(), claimed: new Set(), told: new Set(), reported: new Set() }
      for (let round = 0; round < 5; round++) {
        const writer = await planeProcess(database.url, 'writeForEver', `dev_${round}`)
        writer.go()
        await waitFor('some writes', () => writer.lines.length >= 6 + round * 3)
        writer.kill()
        for (const line of await writer.ended()) {
          const [what, id] = line.split(' ') as [string, string]
          confirmed[what]!.add(id)
        }
      }
      const marks: Record<string, string> = { made: 'RUN_CREATED', claimed: 'RUN_STARTED', told: 'LOG', reported: 'RUN_COMPLETED' }
      const { items } = await plane.runs.list(me, { limit: 500 })
      const types = new Map<string, string[]>()
      for (const { id } of items)
        types.set(
          id,
          (await plane.events.ofRun(me, id)).map(event => event.type),
        )
      for (const [what, ids] of Object.entries(confirmed)) for (const id of ids) expect(types.get(id), what).toContain(marks[what])
      // A state and the event that tells of it were written together or not at all.
      for (const { id, status } of items) {
        const seen = types.get(id)!
        const last = seen.findLast(type => type !== 'LOG')
        expect(last).toBe({ QUEUED: 'RUN_CREATED', RUNNING: 'RUN_STARTED', COMPLETED: 'RUN_COMPLETED' }[status as 'QUEUED'])
        expect([0, 3]).toContain(seen.filter(type => type === 'LOG').length)
      }
      expect(confirmed.reported!.size).toBeGreaterThan(4)
    })
  })
}
