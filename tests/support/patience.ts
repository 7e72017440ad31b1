/** How many times slower than usual this machine was when the tests began; vitest.config.ts measures it. */
const SLOWNESS = Number(process.env.TEST_SLOWNESS ?? 1)

/**
 * A deadline that only bounds hanging, on this machine; `ms` is what it is on a usual one. Take several times what a loaded machine needs:
 * nobody waits for it unless something is broken. What is to be fast is measured by scripts/bench, not here.
 */
export const patience = (ms: number) => Math.ceil(ms * SLOWNESS)

/** After this long, what a test waits for hangs. */
export const HANGS_MS = patience(120_000)
/** After this long, a test hangs: time for a wait in it to fail first, which says what it waited for. */
export const TEST_HANGS_MS = patience(300_000)
/** A grace, limit or lease that no test comes to: for all tests that are not about its end. */
export const FAR_MS = 24 * 3_600_000
