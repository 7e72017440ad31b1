import type { Outage } from '../../core/ports/breaker.ts'
import { openBreaker } from '../../machine/limits/breaker.ts'
import { systemClock } from '../../machine/limits/clock.ts'

/** The outage that an agent has met and that is not over; null for none. Only looks. */
export function outageOf(home: string, agentId: string): Outage | null {
  return openBreaker({ home, agentId, clock: systemClock }).current()
}
