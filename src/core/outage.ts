import { end } from './ends.ts'
import type { Outage } from './ports/breaker.ts'
import type { Wait } from './wait.ts'

/** If this many tasks in a row end alike, for no clear reason and before anything was done, the tasks are not to blame. */
const TASKS_ALIKE = 2

/** Whether an outage keeps the runner from taking tasks: its cause concerns all tasks, for certain or judging by their number. */
export function keepsFromTasks({ reason, tasks }: Outage): boolean {
  return end(reason).surroundings === 'fail' || tasks.length >= TASKS_ALIKE
}

/** How long an outage keeps the runner from taking tasks; null when it does not. */
export function outageWait(outage: Outage | null): Wait | null {
  return outage !== null && keepsFromTasks(outage) ? outage.wait : null
}

/** What is the matter, and what somebody can do about it. */
export function outageWords({ reason, said }: Pick<Outage, 'reason' | 'said'>): { message: string; advice?: string } {
  const { says, advice } = end(reason)
  const words = said.replace(/\s+/g, ' ').trim()
  return { message: words === '' ? says : `${says} (${words.length > 300 ? `${words.slice(0, 299)}…` : words})`, ...(advice && { advice }) }
}
