import { setTimeout as delay } from 'node:timers/promises'

/** Waits until `condition` answers something truthy and returns it; fails with `what` after `ms`. */
export async function waitFor<T>(what: string, condition: () => T | Promise<T>, ms = 20_000): Promise<NonNullable<T>> {
  const until = performance.now() + ms
  for (;;) {
    const value = await condition()
    if (value) return value as NonNullable<T>
    if (performance.now() > until) throw new Error(`waited ${ms} ms in vain: ${what}`)
    await delay(20)
  }
}
