import type { Step } from './step.ts'

/** Nothing of the run may be left running, and nothing of its work may be lost. */
export const cleanup: Step = {
  always: true,
  async run({ record, context, request, begun }) {
    // An agent that was quicker may work under the same run id, so what carries this tag is not ours to end.
    if (!begun('preHook')) return 'nothing was begun'
    await context.supervision.sweep(record.runId)
    if (!record.workspace) return 'nothing'
    const kind = record.disposition?.kind
    // An unused worktree and its empty branch help nobody. When another agent has the run now, they belong to that agent.
    const mayVanish = kind !== 'report' && kind !== 'abandon' ? true : record.task.plan?.dryRun === true
    const { kept, rescued } = await context.workspaces.cleanup(record.workspace, request, kind === 'report', mayVanish)
    // Hooks of git ran meanwhile.
    await context.supervision.sweep(record.runId)
    record.kept = kept
    if (record.work) record.work.rescued = [...new Set([...record.work.rescued, ...rescued])]
    return kept ? 'the workspace stays' : 'nothing is left'
  },
}
