import { asRunnerError } from '../core/errors.ts'
import type { StepRecord } from '../core/run.ts'
import type { RunInHand } from './run-in-hand.ts'

/** How often a step may fail by its own fault, across restarts, before the run goes on without it. */
const TRIES = 5

/**
 * Decides what follows when a step has thrown. A fault of git, or one of ours, is counted in the journal and thrown again, so that the
 * step is tried again. When the tries are used up, the run ends instead: the task is parked or, where the tracker was told already, the
 * workspace is left as it is. Any other failure (the tracker, the disk, a request to end) is thrown again in any case: it passes, or a
 * person must act.
 */
export function afterFault(step: StepRecord, thrown: unknown, task: RunInHand): string {
  const { code, message } = asRunnerError(thrown)
  const ours = step.name === 'claim' || step.name === 'report' || step.name === 'release'
  if (ours || (code !== 'GIT_FAILED' && code !== 'BUG')) throw thrown
  step.failures = (step.failures ?? 0) + 1
  task.save()
  if (step.failures < TRIES) throw thrown
  const { record, context } = task
  const said = `the step ${step.name} failed ${TRIES} times: ${message}`
  if (record.disposition === null) {
    task.decide('step_failed', `${said}\n\n${whereWorkIs(task)}`)
    return 'failed'
  }
  context.emit({ type: 'warning', message: `${said}; the run ends without it` }, record.runId)
  if (step.name === 'cleanup') record.kept = record.workspace?.path ?? null
  return 'failed'
}

function whereWorkIs({ record: { workspace, runId } }: RunInHand): string {
  if (!workspace) return 'No work was begun.'
  return workspace.kind !== 'in-place'
    ? `The work is kept in ${workspace.path}.`
    : `The work is kept; \`agent-runner rescue show ${runId}\` shows it, once git works.`
}
