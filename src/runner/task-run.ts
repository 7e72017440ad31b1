import { type EndReason, end } from '../core/ends.ts'
import { asRunnerError } from '../core/errors.ts'
import type { Report } from '../core/ports.ts'
import { ownsRunId, type RunRecord, STEPS, type StepName } from '../core/run.ts'
import { announceEnd, announceTask } from './announce.ts'
import { runAttempts } from './attempts.ts'
import type { RunnerContext } from './context.ts'
import { proven } from './evidence.ts'
import { untilAnswered } from './retry.ts'
import { RunInHand } from './run-in-hand.ts'
import { afterFault } from './step-faults.ts'
import { letGoOfTakenOver, sharedWith } from './taken-over.ts'
import { isToStop } from './wishes.ts'

/*
 * START HERE. The life of a task as a list of steps, each a few lines that call a port. The same list runs for a new task
 * and for one found after a crash: finished steps are skipped, an interrupted one is taken again and says for itself what
 * that means. Every step is safe to repeat.
 */

/** One step. It returns one word for its result. Once the run's disposition stands, only steps with `always` run. */
interface Step {
  always?: true
  /** The step changes something at the tracker, so its begin must be on the disk first. The others can simply be repeated. */
  outside?: true
  /** The step prepares for the agent, so it does not begin once somebody wants the run to end. */
  prepares?: true
  run(task: RunInHand): Promise<string>
}

const steps: Record<StepName, Step> = {
  /** Lock at the tracker, proven by reading back. The lock file is there already, so a kill in between is found. */
  claim: {
    outside: true,
    async run(task) {
      const { record, context } = task
      // Taking a task is mostly waiting; meanwhile get ready what the task will need.
      if (record.attempts.length === 0) task.getReady()
      const answer = await untilAnswered('taking the task', context, signal =>
        context.tracker.claim(context.identity, record.task, record.runId, signal),
      )
      if (answer === 'taken') record.disposition = { kind: 'abandon', reason: 'lost', note: '' }
      else {
        task.provenAt = context.clock.uptime()
        // Another runner that had the run here before has lost it, but its agent may live on. Two of them must not work at once.
        if (context.supervision.latest(record.runId) > 0) await context.supervision.takeOver(record.runId)
        // The folder of a run that was given back and taken again still has the earlier result.
        context.files.drop(record.runId, 'result.json')
        context.emit({ type: 'step_started', step: 'claim' }, record.runId)
        announceTask(record, context)
        task.show()
        task.beat(false)
        task.steer()
      }
      return answer
    },
  },

  /** The hook may refuse the task; then a person or the policy decides. A stop ends it soon. */
  preHook: {
    prepares: true,
    async run(task) {
      const stop = task.steer().stop()
      for (;;) {
        const result = await task.preTask(stop)
        if (result?.ok) return result.path ? 'ok' : 'no hook'
        const answer = result && (await task.refusedHookAnswer(result, stop))
        if (!result || stop.aborted) {
          task.decide('ended_on_request')
          return 'stopped'
        }
        if (answer === 'retry') continue
        if (answer === 'skip') return 'refused, skipped'
        task.stopsClaiming ||= answer === 'stop'
        task.decide('refused_by_hook', result.message)
        return 'refused'
      }
    },
  },

  /** Repeating it after a kill mends what was half made. A stop cuts it short. */
  workspace: {
    prepares: true,
    async run({ record, context, prepareWorkspace, decide, steer }) {
      const stop = steer().stop()
      try {
        record.workspace = await prepareWorkspace(stop)
      } catch (thrown) {
        const error = asRunnerError(thrown)
        if (error.code !== 'GIT_FAILED') throw error
        if (stop.aborted) {
          decide('ended_on_request')
          return 'stopped'
        }
        context.emit({ type: 'warning', message: `no workspace: ${error.message}` }, record.runId)
        decide('no_workspace', error.message)
        return 'none'
      }
      context.emit({ type: 'workspace_ready', workspace: record.workspace }, record.runId)
      return record.workspace.kind
    },
  },

  /** Supervised attempts until there is an outcome. */
  agent: {
    async run({ record, context, save, provenAt, beat, steer, endSteering, showDiff }) {
      const diff = showDiff()
      try {
        return await runAttempts(record, context, save, provenAt, beat(false).lost, steer())
      } finally {
        // Requests that come from now on are too late, and the tracker says so.
        endSteering()
        await diff?.end()
      }
    },
  },

  /** Finds out by git what was done, and decides what the tracker will be told. */
  collect: {
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
  },

  /** Reports exactly once, as the tracker sees it. The runner waits for a tracker that is away; the result is in the journal. */
  report: {
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
        context.emit(
          { type: 'warning', message: 'the task is no longer ours at the tracker: nothing was reported, the work is kept' },
          runId,
        )
        record.disposition = { kind: 'abandon', reason: 'lost', note: disposition.note }
        return 'lost'
      }
      return disposition.kind === 'report' ? disposition.status : disposition.kind.replace('_', ' ')
    },
  },

  /** Cannot fail the task. */
  postHook: {
    always: true,
    async run(task) {
      if (!task.begun('preHook')) return 'not begun'
      const result = await task.hook('post_task')
      return result.ok ? 'ok' : 'failed'
    },
  },

  /** Nothing of the run may be left running, and nothing of its work may be lost. */
  cleanup: {
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
  },

  /** Last, because the task may come back at once. */
  release: {
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
  },
}

/** How a run left this runner. */
export interface RunEnd {
  reason: EndReason
  /** Whether further tasks may be taken. */
  claiming: 'goes_on' | 'stops'
  /** The task never became ours: another agent was quicker. */
  notOurs: boolean
}

/**
 * Takes a run from where its journal stands to its end. Throws ABORTED when it is kept for the next start (lock file and
 * session stay), and other RunnerErrors when this machine fails; the journal then tells how far it got.
 */
export async function runTask(record: RunRecord, context: RunnerContext): Promise<RunEnd> {
  if (await letGoOfTakenOver(record, context)) return { reason: 'lost', claiming: 'goes_on', notOurs: false }
  const task = new RunInHand(record, context)
  try {
    if (task.begun('preHook')) {
      announceTask(record, context)
      task.show()
      if (!task.begun('report')) task.beat(true)
      if (!task.begun('collect')) task.steer()
    }
    for (const name of STEPS) {
      const known = record.steps.find(step => step.name === name)
      if (known?.finishedAt) continue
      if (steps[name].prepares && !known && isToStop(record)) task.decide('ended_on_request')
      if (record.disposition && !steps[name].always) continue
      const began = context.clock.uptime()
      const entry = known ?? { name, startedAt: task.now(), finishedAt: null, result: null }
      if (!known) record.steps.push(entry)
      // One write says that the step before is done and that this one begins: nothing happens in between.
      task.save(steps[name].outside ? 'before' : 'beside')
      // If another agent takes the task, it may do so under the same run id. Until the task is ours, its timeline is not ours either.
      if (name !== 'claim') context.emit({ type: 'step_started', step: name }, task.begun('preHook') ? record.runId : undefined)
      try {
        entry.result = await steps[name].run(task)
      } catch (thrown) {
        entry.result = afterFault(entry, thrown, task)
      }
      entry.finishedAt = task.now()
      const isOurs = name === 'claim' ? entry.result === 'ours' : task.begun('preHook')
      const ms = context.clock.uptime() - began
      context.emit({ type: 'step_finished', step: name, result: entry.result, ms }, isOurs ? record.runId : undefined)
    }
  } finally {
    task.endSteering()
    await task.endBeat()
    task.hide()
    task.letGo()
  }
  const { reason } = record.disposition!
  const stops = task.stopsClaiming || end(reason).claiming === 'stops'
  return { reason, claiming: stops ? 'stops' : 'goes_on', notOurs: !task.begun('preHook') }
}
