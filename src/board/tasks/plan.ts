import type { Plan } from '../../core/task.ts'
import type { RunStep } from '../runs/run-rows.ts'

const ms = (seconds: unknown): number | null => (typeof seconds === 'number' && seconds > 0 ? Math.round(seconds * 1000) : null)

/** Whether a run, by its options as they are stored, only says what would be done. */
export const isDryRun = (options: string): boolean => (JSON.parse(options) as Record<string, unknown>).dry_run === true

/** How a run is to be done, from its steps and options as they are stored; null when it is an ordinary one. */
export function planOf(steps: string | null, options: string): Plan | null {
  const parts = steps === null ? null : (JSON.parse(steps) as RunStep[])
  const { timeout, max_steps: turns, dry_run: dryRun, verbose } = JSON.parse(options) as Record<string, unknown>
  const plan = {
    parts:
      parts?.map(({ name, goal, command, timeout }, index) => ({
        name: name ?? `step ${index + 1}`,
        goal: goal ?? null,
        command: command ?? null,
        timeoutMs: ms(timeout),
      })) ?? null,
    timeoutMs: ms(timeout),
    maxTurns: typeof turns === 'number' ? turns : null,
    dryRun: dryRun === true,
    verbose: verbose === true,
  }
  return plan.parts || plan.timeoutMs || plan.maxTurns || plan.dryRun || plan.verbose ? plan : null
}
