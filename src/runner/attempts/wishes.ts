import type { RunRecord, Wish } from '../../core/run.ts'

/** Directives that no attempt carries yet, oldest first. */
export function undelivered(record: Pick<RunRecord, 'wishes' | 'attempts'>): Wish[] {
  const delivered = new Set(record.attempts.flatMap(attempt => attempt.directives))
  return record.wishes.filter(wish => wish.kind === 'directive' && !delivered.has(wish.id))
}

/** Whether somebody has asked that the run ends for good. */
export function isToStop(record: Pick<RunRecord, 'wishes'>): boolean {
  return record.wishes.some(wish => wish.kind === 'stop')
}

/** Whether no agent may work now. */
export function halts(record: RunRecord): boolean {
  return isToStop(record) || record.paused
}

/** Whether the agent that works now must be interrupted. */
export function interrupts(record: RunRecord): boolean {
  return halts(record) || undelivered(record).some(wish => wish.mode === 'now')
}
