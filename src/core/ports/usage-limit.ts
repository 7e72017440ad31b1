import type { Wait } from '../wait.ts'

/** The usage limit of the agent CLI's account, shared by every runner of this machine that uses the account. */
export interface UsageLimit {
  /** The wait before which no attempt may start; null for at once. */
  until(): Wait | null
  /** Makes all of them wait this long. Best effort: a runner that does not hear of it is told by the account itself. */
  reached(wait: Wait): void
}
