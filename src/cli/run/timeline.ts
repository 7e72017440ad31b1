import type { RunnerEvent, StampedEvent } from '../../core/event.ts'
import type { RunFiles } from '../../core/ports/run-files.ts'
import { redactDocument } from '../../core/redaction.ts'

/**
 * Stamps events, takes secrets out of them, and hands them to whoever shows them and, when they belong to a run, to the run's timeline on
 * disk. Sequence numbers continue from the timeline on disk. A full disk costs lines of the timeline, never the run.
 */
export function openTimeline(agentId: string, files: RunFiles, show: (event: StampedEvent) => void) {
  const next = new Map<string, number>()
  let broken = false
  return function emit(event: RunnerEvent, runId?: string): void {
    const key = runId ?? ''
    const seq = next.get(key) ?? (runId ? (files.events(runId).at(-1)?.seq ?? 0) : 0) + 1
    next.set(key, seq + 1)
    const stamped: StampedEvent = { at: new Date().toISOString(), seq, runId: runId ?? null, agentId, ...redactDocument(event) }
    try {
      files.append(stamped)
      broken = false
    } catch (error) {
      if (!broken) show({ ...stamped, type: 'warning', message: `events cannot be kept: ${(error as Error).message}` })
      broken = true
    }
    show(stamped)
    // The sequence numbers of runs that are over are not needed again.
    if (event.type === 'run_finished' && next.size > 100) next.clear()
  }
}
