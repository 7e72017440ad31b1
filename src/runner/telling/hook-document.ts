import { modelFor } from '../../core/policy.ts'
import type { HookDocument, HookName } from '../../core/ports/hooks.ts'
import { branchOf, type RunRecord } from '../../core/run.ts'
import { spent } from '../attempts/attempt-choice.ts'
import type { RunnerContext } from '../context.ts'

/** What a hook of a run reads on stdin, from the run's journal as it stands. */
export function hookDocument(hook: HookName, record: RunRecord, context: RunnerContext): HookDocument {
  const { workspace, task, disposition, work } = record
  const document: HookDocument = {
    version: 1,
    event: hook,
    agent: context.identity,
    run_id: record.runId,
    task,
    workspace: workspace && { kind: workspace.kind, path: workspace.path, repo: workspace.repo, branch: workspace.branch },
    model: modelFor(context.policy.models, task, context.identity.role),
    tracker: record.tracker,
    state_dir: context.home,
    agent_command: context.agentCommand,
  }
  if (hook === 'post_task' && disposition)
    document.result = {
      success: disposition.kind === 'report',
      reason: disposition.reason,
      status: disposition.kind === 'report' ? disposition.status : null,
      duration_ms: context.clock.now() - Date.parse(record.lockedAt),
      cost_usd: spent(record).costUsd,
      branch: branchOf(work, workspace),
      commits: work?.commits ?? [],
      attempts: record.attempts.length,
      hooks: hooksOf(record, context),
      tracker_answers: answersOf(context),
    }
  return document
}

/** The hooks of the run so far, from the timeline, which also has those that an earlier runner ran. */
function hooksOf({ runId }: RunRecord, { files }: RunnerContext) {
  return files
    .events(runId)
    .flatMap(event => (event.type === 'hook_finished' ? [{ hook: event.hook, ok: event.exitCode === 0, duration_ms: event.ms }] : []))
}

function answersOf({ tracker }: RunnerContext) {
  const times = tracker.answerTimes?.()
  return times ? { requests: times.requests, failed: times.failed, mean_ms: times.meanMs, most_ms: times.mostMs } : null
}
