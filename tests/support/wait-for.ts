import { setTimeout as delay } from 'node:timers/promises'
import { HANGS_MS } from './patience.ts'

/** Waits until `condition` answers something truthy and returns it. Fails with `what` when that hangs; `ms` is for what takes very long. */
export async function waitFor<T>(what: string, condition: () => T | Promise<T>, ms = HANGS_MS): Promise<NonNullable<T>> {
  const until = performance.now() + ms
  for (;;) {
    const value = await condition()
    if (value) return value as NonNullable<T>
    if (performance.now() > until) throw new Error(`waited ${ms} ms in vain: ${what}`)
    await delay(20)
  }
}
