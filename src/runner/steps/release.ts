import { ownsRunId } from '../../core/run.ts'
import { sharedWith } from '../taken-over.ts'
import { announceEnd } from '../telling/announce.ts'
import type { Step } from './step.ts'

/** Last, because the task may come back at once. */
export const release: Step = {
  always: true,
  async run({ record, context, begun, showRest }) {
    // The agent that took the run over announces its end.
    const isLost = record.disposition?.kind === 'abandon' && sharedWith(record, context) !== null
    if (begun('preHook') && !isLost) announceEnd(record, context)
    await showRest()
    // Half-written files are ours to remove only if nobody else can have the run's id.
    if (ownsRunId(record)) context.files.tidy(record.runId)
    if (record.disposition?.kind !== 'give_back') context.patience.forget(record.task.id)
    context.journal.remove()
    return 'released'
  },
}
