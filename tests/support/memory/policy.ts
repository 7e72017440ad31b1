import type { Policy } from '../../../src/core/policy.ts'

/** A policy with short budgets, so that stories come to their ends. */
export const policy: Policy = {
  models: { levels: { junior: 'small', senior: 'middle', principal: 'large' }, roles: {} },
  ...{ roles: {}, roleInstructions: '', onHookFailure: 'give_back', onUnhealthy: 'pause' },
  ...{ maxAttempts: 3, maxInterruptions: 3, outageTries: Number.POSITIVE_INFINITY, maxCostUsd: null },
  ...{ deadlineMs: 3_600_000, silentAfterMs: 600_000, resultGraceMs: 30_000, killGraceMs: 5_000, wishGraceMs: 1_000 },
  ...{ heartbeatMs: 60_000, healthCheckMs: 600_000, taskCheckMs: 30_000, usageLimitWaitMs: 60_000 },
  ...{ diffBytes: 1_000, sendsDiff: false, verbose: false },
}
