import type { Clock } from '../../../src/core/ports/clock.ts'
import type { Ask } from './calls.ts'
import type { World } from './world.ts'

/** The clock of a life: it stands still while anything can go on without it. */
export const clockOf = (world: World, ask: Ask): Clock => ({
  now: () => world.now,
  uptime: () => world.elapsed,
  boot: () => 'boot',
  sleep: (ms, signal) => ask(() => sleep(world, ms, signal)),
})

export function sleep(world: World, ms: number, signal?: AbortSignal): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const sleeper = world.later(ms, resolve)
  const cut = () => {
    sleeper.cancel()
    reject(signal!.reason)
  }
  if (signal?.aborted) cut()
  else signal?.addEventListener('abort', cut, { once: true })
  return promise.finally(() => signal?.removeEventListener('abort', cut))
}
