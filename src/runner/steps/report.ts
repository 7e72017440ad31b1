import type { Report } from '../../core/ports/tracker.ts'
import { untilAnswered } from '../retry.ts'
import type { Step } from './step.ts'

/** Reports exactly once, as the tracker sees it. The runner waits for a tracker that is away; the result is in the journal. */
export const report: Step = {
  always: true,
  outside: true,
  async run({ record, context, endBeat, showSoFar }) {
    const { disposition, task, runId } = record
    await endBeat()
    await showSoFar()
    if (!disposition || disposition.kind === 'abandon') return 'nothing to report'
    const report: Report = { status: disposition.kind === 'report' ? disposition.status : '', note: disposition.note, runId }
    const answer = await untilAnswered('reporting', context, signal => {
      const { tracker, identity } = context
      if (disposition.kind === 'report') return tracker.report(identity, task, report, signal)
      if (disposition.kind === 'stop') return tracker.steering!.stopped(identity, task, report, signal)
      if (disposition.kind === 'park') return tracker.park(identity, task, report, signal)
      return tracker.giveBack(identity, task, report, signal)
    })
    if (answer === 'lost') {
      context.emit({ type: 'warning', message: 'the task is no longer ours at the tracker: nothing was reported, the work is kept' }, runId)
      record.disposition = { kind: 'abandon', reason: 'lost', note: disposition.note }
      return 'lost'
    }
    return disposition.kind === 'report' ? disposition.status : disposition.kind.replace('_', ' ')
  },
}
