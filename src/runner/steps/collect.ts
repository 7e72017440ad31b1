import { end } from '../../core/ends.ts'
import { proven } from '../telling/evidence.ts'
import type { Step } from './step.ts'

/** Finds out by git what was done, and decides what the tracker will be told. */
export const collect: Step = {
  async run({ record, context, request, decide, outcome }) {
    // Processes that the agent, or a git of a killed runner, left behind must not write while we look at the work.
    await context.supervision.sweep(record.runId)
    const { diff, replaced, ...work } = await context.workspaces.collect(record.workspace!, request, end(outcome()).next === 'report')
    if (diff) context.files.write(record.runId, 'diff.patch', diff)
    record.work = { ...work, diff: '' }
    const reason = proven(outcome(), record)
    if (replaced && end(reason).next === 'report') decide(`${replaced.what}_replaced`, replaced.says)
    else decide(reason)
    return work.commits.length === 1 ? '1 commit' : `${work.commits.length} commits`
  },
}
