import { end } from './ends.ts'
import type { Outage } from './ports.ts'
import type { Wait } from './wait.ts'

/** So many tasks in a row that end alike, for no clear reason and before anything was done, are not to blame for it. */
const TASKS_ALIKE = 2

/** Whether no task is taken because of it: its cause is that of all tasks, for certain or by their number. */
export function keepsFromTasks({ reason, tasks }: Outage): boolean {
  return end(reason).surroundings === 'fail' || tasks.length >= TASKS_ALIKE
}

/** How long it keeps from taking tasks; null when it does not. */
export function outageWait(outage: Outage | null): Wait | null {
  return outage !== null && keepsFromTasks(outage) ? outage.wait : null
}

/** What is the matter, and what somebody can do about it. */
export function outageWords({ reason, said }: Pick<Outage, 'reason' | 'said'>): { message: string; advice?: string } {
  const { says, advice } = end(reason)
  const words = said.replace(/\s+/g, ' ').trim()
  return { message: words === '' ? says : `${says} (${words.length > 300 ? `${words.slice(0, 299)}…` : words})`, ...(advice && { advice }) }
}
