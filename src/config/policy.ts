import { type Policy, rolePolicy } from '../core/policy.ts'
import type { Config } from './config.ts'

const ms = (seconds: number) => Math.round(seconds * 1000)

/** The part of the configuration that the runner's rules read, in their units. */
export function toPolicy({ values }: Pick<Config, 'values'>, roleInstructions: string): Policy {
  return {
    models: {
      levels: { junior: values['models.junior'], senior: values['models.senior'], principal: values['models.principal'] },
      roles: values['models.roles'],
    },
    roles: Object.fromEntries(
      Object.entries(values.roles).map(([role, row]) => {
        const usual = rolePolicy({ roles: {} }, role)
        return [role, { done: row.done ?? usual.done, sentBack: row.sentBack ?? usual.sentBack, verdict: row.verdict ?? usual.verdict }]
      }),
    ),
    roleInstructions,
    onHookFailure: values.onHookFailure === 'give-back' ? 'give_back' : values.onHookFailure,
    onUnhealthy: values.onUnhealthy,
    maxAttempts: values.maxAttempts,
    maxInterruptions: values.maxInterruptions,
    outageTries: Number.POSITIVE_INFINITY,
    maxCostUsd: values.maxCost,
    deadlineMs: ms(values.claudeTimeout),
    silentAfterMs: ms(values.silentAfter),
    resultGraceMs: ms(values.resultGrace),
    killGraceMs: ms(values.killGrace),
    wishGraceMs: ms(values.wishGrace),
    heartbeatMs: ms(values.heartbeatInterval),
    healthCheckMs: ms(values.healthCheckInterval),
    taskCheckMs: ms(values.taskCheckInterval),
    usageLimitWaitMs: ms(values.usageLimitWait),
    diffBytes: values.diffLimit * 1024,
    sendsDiff: values.sendDiff === 'yes',
    verbose: values.verbose === 'yes',
  }
}
