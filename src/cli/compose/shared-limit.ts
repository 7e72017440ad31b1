import { claudeAccount } from '../../agents/claude/claude-account.ts'
import { endOf } from '../../core/wait.ts'
import { systemClock } from '../../machine/limits/clock.ts'
import { openUsageLimit } from '../../machine/limits/usage-limit.ts'

/** Until when the account of this environment waits for its usage limit, in epoch milliseconds; null while it need not. Only looks. */
export function sharedLimit(home: string, env: NodeJS.ProcessEnv): number | null {
  return endOf(openUsageLimit({ home, account: () => claudeAccount(env), clock: systemClock }).until(), systemClock)
}
