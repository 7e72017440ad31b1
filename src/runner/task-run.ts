import { type EndReason, end } from '../core/ends.ts'
import { type RunRecord, STEPS, type StepName } from '../core/run.ts'
import { isToStop } from './attempts/wishes.ts'
import type { RunnerContext } from './context.ts'
import { RunInHand } from './run-in-hand.ts'
import { afterFault } from './step-faults.ts'
import { agent } from './steps/agent.ts'
import { claim } from './steps/claim.ts'
import { cleanup } from './steps/cleanup.ts'
import { collect } from './steps/collect.ts'
import { postHook } from './steps/post-hook.ts'
import { preHook } from './steps/pre-hook.ts'
import { release } from './steps/release.ts'
import { report } from './steps/report.ts'
import type { Step } from './steps/step.ts'
import { workspace } from './steps/workspace.ts'
import { letGoOfTakenOver } from './taken-over.ts'
import { announceTask } from './telling/announce.ts'

/*
 * START HERE. The life of a task as a list of steps, from left to right. Each is a file of its own name in `steps/`, a few lines that call a
 * port. The same list runs for a new task and for one found after a crash: finished steps are skipped, an interrupted one is taken again
 * and says for itself what that means. Every step is safe to repeat.
 */

const steps: Record<StepName, Step> = { claim, preHook, workspace, agent, collect, report, postHook, cleanup, release }

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
    for (const name of STEPS) await takeStep(name, task)
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

/** Takes one step, unless it is done already or not wanted any more. */
async function takeStep(name: StepName, task: RunInHand): Promise<void> {
  const { record, context } = task
  const step = steps[name]
  const known = record.steps.find(entry => entry.name === name)
  if (known?.finishedAt) return
  if (step.prepares && !known && isToStop(record)) task.decide('ended_on_request')
  if (record.disposition && !step.always) return
  const began = context.clock.uptime()
  const entry = known ?? { name, startedAt: task.now(), finishedAt: null, result: null }
  if (!known) record.steps.push(entry)
  // One write says that the step before is done and that this one begins: nothing happens in between.
  task.save(step.outside ? 'before' : 'beside')
  // If another agent takes the task, it may do so under the same run id. Until the task is ours, its timeline is not ours either.
  if (name !== 'claim') context.emit({ type: 'step_started', step: name }, task.begun('preHook') ? record.runId : undefined)
  entry.result = await step.run(task).catch(thrown => afterFault(entry, thrown, task))
  entry.finishedAt = task.now()
  const isOurs = name === 'claim' ? entry.result === 'ours' : task.begun('preHook')
  const ms = context.clock.uptime() - began
  context.emit({ type: 'step_finished', step: name, result: entry.result, ms }, isOurs ? record.runId : undefined)
}
