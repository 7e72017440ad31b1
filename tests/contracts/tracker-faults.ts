import { describe, expect, test } from 'vitest'
import { type ErrorCode, RunnerError } from '../../src/core/errors.ts'
import type { Tracker } from '../../src/core/ports/tracker.ts'
import { untilAnswered } from '../../src/runner/retry.ts'
import { Stops } from '../../src/runner/shutdown.ts'
import { fakeClock } from '../support/fake-clock.ts'
import { type FaultProxy, type ProxyFault, startFaultProxy } from '../support/fault-proxy.ts'
import { HANGS_MS, patience as scaled } from '../support/patience.ts'
import { CALLS, type CallUnderFault, type Scene } from './tracker-fault-calls.ts'
import type { TaskDraft, TrackerFixture } from './tracker-fixture.ts'
import { dev, never } from './tracker-fixture.ts'

/** A tracker's fixture whose server can be reached by another way too. */
export interface FaultyTrackerFixture extends TrackerFixture {
  /** The address of the real server. */
  upstream: string
  /** A client that believes the server to be at `url` and waits that long for an answer; closed by `close`. */
  at(url: string, requestTimeoutMs: number): Tracker
}

interface Stage<F extends TrackerFixture> {
  proxy: FaultProxy
  scene: Scene<F>
  go(signal: AbortSignal): Promise<unknown>
}

interface Row {
  name: string
  fault: ProxyFault
  /** What the first try fails with; null when a client must not notice. */
  fails: ErrorCode | null
  /** What the other side asked us to wait, in milliseconds. */
  asksFor?: number
}

/** So long a client waits for an answer, and where it waits in vain. */
const TIMEOUT_MS = 10_000
const IN_VAIN_MS = scaled(2_000)
const neverAnswers = (fault: ProxyFault) => fault === 'half_open' || fault === 'silent_after'
const UNREACHABLE = 'TRACKER_UNREACHABLE'
const CONFUSED = 'TRACKER_CONFUSED'
const FAULTS: Row[] = [
  { name: 'a reset before the server heard of it', fault: 'reset_before', fails: UNREACHABLE },
  { name: 'a reset after the server did it', fault: 'drop_after', fails: UNREACHABLE },
  { name: 'a request that arrives twice', fault: 'duplicate', fails: null },
  { name: 'a slow way', fault: { delayMs: 150 }, fails: null },
  { name: 'an answer that breaks off', fault: 'cut_after', fails: UNREACHABLE },
  { name: 'half an answer that looks whole', fault: 'halve_after', fails: CONFUSED },
  { name: 'a login page with 200', fault: 'html', fails: CONFUSED },
  { name: 'JSON of something else with 200', fault: 'other_json', fails: CONFUSED },
  { name: 'a stale answer', fault: 'stale', fails: null },
  { name: 'a half-open connection', fault: 'half_open', fails: UNREACHABLE },
  { name: 'silence after the server did it', fault: 'silent_after', fails: UNREACHABLE },
  { name: '429 with Retry-After', fault: { retryAfterSeconds: 7 }, fails: UNREACHABLE, asksFor: 7_000 },
  { name: '500 after the server did it', fault: { statusAfter: 500 }, fails: UNREACHABLE },
  { name: '502 after the server did it', fault: { statusAfter: 502 }, fails: UNREACHABLE },
]

/** The retry layer with a clock of its own, and what each try failed with. */
function patience() {
  const failures: RunnerError[] = []
  const context = { clock: fakeClock(), random: () => 1, stops: new Stops(), emit: () => {} }
  let tries = 0
  return {
    failures,
    slept: context.clock.slept,
    tries: () => tries,
    until: <T>(call: (signal: AbortSignal) => Promise<T>, most = 12) =>
      untilAnswered(
        'calling',
        context,
        async signal => {
          tries++
          try {
            return await call(signal)
          } catch (thrown) {
            failures.push(thrown as RunnerError)
            throw thrown
          }
        },
        most,
      ),
  }
}

/** On a busy machine a client that waits so shortly may give up before its scene is made: then the scene is made anew. */
const patientWith = (tries: number) => (thrown: unknown) => {
  if (tries < 5 && thrown instanceof RunnerError && thrown.code === UNREACHABLE) return null
  throw thrown
}

/**
 * What every tracker that is reached over HTTP promises when the way to its server fails: each call, with each fault at each of its
 * requests, through the runner's own retry layer, comes to the right answer with its effect there once. `more`: calls of the optional parts.
 */
export function trackerSurvivesFaults<F extends TrackerFixture>(
  name: string,
  open: (tasks: TaskDraft[]) => Promise<F & FaultyTrackerFixture>,
  more: CallUnderFault<F>[] = [],
): void {
  /** Makes the call's scene behind a proxy that has seen everything from the start, and clears it away. */
  async function staged<T>(call: CallUnderFault<F>, play: (stage: Stage<F>) => Promise<T>, timeoutMs = TIMEOUT_MS): Promise<T> {
    for (let tries = 1; ; tries++) {
      const fixture = await open([{ title: 'one' }])
      const proxy = await startFaultProxy(fixture.upstream)
      try {
        const scene: Scene<F> = { fixture, tracker: fixture.at(proxy.url, timeoutMs), agent: dev('dev_1'), id: fixture.ids[0]! }
        const go = await call.prepare(scene).catch(patientWith(tries))
        proxy.calls.length = 0
        if (go) return await play({ proxy, scene, go })
      } finally {
        await fixture.close()
        await proxy.close()
      }
    }
  }

  /** How many requests the call makes when nothing goes wrong. */
  const requestsOf = (call: CallUnderFault<F>): Promise<number> =>
    staged(call, async ({ proxy, scene, go }) => {
      expect(await go(never())).toEqual(call.answer)
      await call.holds(scene)
      return proxy.calls.length
    })

  const faultAt = (call: CallUnderFault<F>, place: number, requests: number, { fault, fails, asksFor }: Row) => {
    const play = async ({ proxy, scene, go }: Stage<F>) => {
      proxy.plan = n => (n === place ? fault : 'forward')
      const { until, failures, slept, tries } = patience()
      const where = `${JSON.stringify(fault)} at request ${place}`
      expect(await until(go), where).toEqual(call.answer)
      await call.holds(scene)
      // Who was slow when they were counted has looked once more than this call had to.
      if (place > 1 && place === requests && proxy.calls.length === place - 1) return
      expect(proxy.calls[place - 1]?.fault, where).toEqual(fault)
      // A stale answer that contradicts another one is seen through, and is then as confusing as any other lie.
      if (fault === 'stale') expect(failures.length, where).toBeLessThanOrEqual(1)
      // Of an answer without a body (204) there is no half.
      else expect(failures, where).toHaveLength(fails && !(fault === 'halve_after' && proxy.calls[place - 1]?.bytes === 0) ? 1 : 0)
      for (const failure of failures) {
        expect(failure, where).toBeInstanceOf(RunnerError)
        expect(failure, where).toMatchObject({ kind: 'retry', code: fails ?? 'TRACKER_CONFUSED' })
      }
      expect(tries(), where).toBe(failures.length + 1)
      expect(slept, where).toEqual(failures.map(() => asksFor ?? 1_000))
    }
    return staged(call, play, neverAnswers(fault) ? IN_VAIN_MS : TIMEOUT_MS)
  }

  describe(`${name}, when the way to its server fails`, () => {
    for (const call of [...CALLS, ...more]) {
      test.concurrent.for(FAULTS)(`${call.name}: $name, at any of its requests`, async row => {
        const requests = await requestsOf(call)
        expect(requests).toBeGreaterThan(0)
        await Promise.all(Array.from({ length: requests }, (_, index) => faultAt(call, index + 1, requests, row)))
      })

      test.concurrent(`${call.name}: an outage is waited out with one request per try, and what comes after it is done once`, () =>
        staged(call, async ({ proxy, scene, go }) => {
          proxy.plan = n => (n <= 8 ? 'reset_before' : 'forward')
          const { until, failures, slept, tries } = patience()
          expect(await until(go)).toEqual(call.answer)
          expect(failures.map(failure => failure.code)).toEqual(Array(8).fill('TRACKER_UNREACHABLE'))
          expect(tries()).toBe(9)
          expect(slept).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000])
          await call.holds(scene)
        }))

      test.concurrent(`${call.name}: a server that never answers costs the timeout once per try, and no more`, () =>
        staged(
          call,
          async ({ proxy, scene, go }) => {
            proxy.plan = () => 'half_open'
            const { until, failures, slept } = patience()
            const began = performance.now()
            await expect(until(go, 3)).rejects.toMatchObject({ code: 'TRACKER_UNREACHABLE' })
            const elapsed = performance.now() - began
            expect(elapsed).toBeGreaterThan(3 * (IN_VAIN_MS - 5))
            expect(elapsed).toBeLessThan(3 * IN_VAIN_MS + HANGS_MS)
            expect(proxy.calls).toHaveLength(3)
            expect(failures).toHaveLength(3)
            expect(slept).toEqual([1_000, 2_000])
            proxy.plan = () => 'forward'
            expect(await until(go)).toEqual(call.answer)
            await call.holds(scene)
          },
          IN_VAIN_MS,
        ))
    }
  })
}
