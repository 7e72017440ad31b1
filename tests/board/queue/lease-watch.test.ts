import fc from 'fast-check'
import { expect, test } from 'vitest'
import { LeaseWatch, lookEveryMs, type SeenLease } from '../../../src/board/queue/lease-watch.ts'

const LEASE_MS = 90_000
const RENEW_MS = 30_000

/** What happens between two looks. */
const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ what: fc.constant('time passes' as const), ms: fc.integer({ min: 1, max: 10_000 }) }) },
  { weight: 2, arbitrary: fc.record({ what: fc.constant('the clock is set' as const), ms: fc.integer({ min: -1e9, max: 1e9 }) }) },
  { weight: 1, arbitrary: fc.record({ what: fc.constant('the machine sleeps' as const), ms: fc.integer({ min: 1, max: 1e8 }) }) },
  { weight: 1, arbitrary: fc.record({ what: fc.constant('the server stands still' as const), ms: fc.integer({ min: 1, max: 1e7 }) }) },
  { weight: 1, arbitrary: fc.record({ what: fc.constant('the server starts again' as const), ms: fc.constant(0) }) },
)

/** A world with a holder that lives, one that died at once, and a server that looks every few seconds. */
function world() {
  const time = { real: 0, ours: 0, set: 1.7e12 }
  const clock = () => Math.floor(time.real + time.set)
  const lease = (id: string): SeenLease => ({ id, epoch: 1, until: clock() + LEASE_MS })
  const leases = [lease('alive'), lease('dead')]
  let watch = new LeaseWatch(LEASE_MS, () => time.ours)
  let renewed = 0
  return {
    look: () => watch.look(async () => ({ now: clock(), leases: leases.map(each => ({ ...each })) })),
    /** Not `counted`: our clock stands too. Not `heard`: the holder cannot renew. */
    pass(ms: number, { counted = true, heard = true } = {}) {
      time.real += ms
      if (counted) time.ours += ms
      if (!heard || time.real - renewed < RENEW_MS) return
      renewed = time.real
      leases[0] = { ...leases[0]!, until: clock() + LEASE_MS }
    },
    set(ms: number) {
      time.set += ms
    },
    restart() {
      watch = new LeaseWatch(LEASE_MS, () => time.ours)
    },
  }
}

test('whatever is done to clocks and server, a holder that renews keeps its lease, and a dead one loses it after a quiet while', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async steps => {
      const w = world()
      const over = async () => (await w.look()).map(({ id }) => id)
      for (const { what, ms } of steps) {
        if (what === 'time passes') w.pass(ms)
        if (what === 'the clock is set') w.set(ms)
        if (what === 'the machine sleeps') w.pass(ms, { counted: false, heard: false })
        if (what === 'the server stands still') w.pass(ms, { heard: false })
        if (what === 'the server starts again') w.restart()
        expect(await over()).not.toContain('alive')
      }
      let quiet = 0
      for (; quiet <= LEASE_MS + 10_000 && !(await over()).includes('dead'); quiet += 5_000) w.pass(5_000)
      expect(quiet).toBeLessThanOrEqual(LEASE_MS + 10_000)
      expect(await over()).not.toContain('alive')
    }),
    { numRuns: 500 },
  )
})

test('a lease is over when its time is over, and not by a look more', async () => {
  let now = 0
  const watch = new LeaseWatch(LEASE_MS, () => now)
  const look = (until: number) => watch.look(async () => ({ now, leases: [{ id: 'run_1', epoch: 1, until }] }))
  await watch.look(async () => ({ now, leases: [] }))
  now += 5_000
  const until = now - 1_000 + LEASE_MS
  for (; now < until; now += 5_000) expect(await look(until)).toEqual([])
  expect(await look(until)).toHaveLength(1)
  expect(lookEveryMs(LEASE_MS)).toBe(5_000)
})
