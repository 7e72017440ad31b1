import { setTimeout as delay } from 'node:timers/promises'
import { HANGS_MS, patience } from './patience.ts'
import { failedByThemselves } from './started-programs.ts'

/** What a program has begun may still come to its end, and to the condition, when the program itself has failed. */
const AFTER_FAILURE_MS = patience(5_000)

/**
 * Waits until `condition` answers something truthy and returns it. Fails with `what` when that hangs; `ms` is for what takes very long.
 * Fails soon, with what it printed, when a program of the test failed meanwhile, since what is waited for then mostly never comes.
 */
export async function waitFor<T>(what: string, condition: () => T | Promise<T>, ms = HANGS_MS): Promise<NonNullable<T>> {
  const until = performance.now() + ms
  const before = new Set(failedByThemselves())
  let failed: { output: string; until: number } | undefined
  for (;;) {
    const value = await condition()
    if (value) return value as NonNullable<T>
    const now = performance.now()
    if (now > until) throw new Error(`waited ${ms} ms in vain: ${what}`)
    if (failed && now > failed.until) throw new Error(`waited in vain: ${what}; meanwhile a program of the test failed:\n${failed.output}`)
    const program = failed ? undefined : failedByThemselves().find(each => !before.has(each))
    if (program) failed = { output: program.output(), until: now + AFTER_FAILURE_MS }
    await delay(20)
  }
}
