import { untilAnswered } from '../retry.ts'
import { announceTask } from '../telling/announce.ts'
import type { Step } from './step.ts'

/** Lock at the tracker, proven by reading back. The lock file is there already, so a kill in between is found. */
export const claim: Step = {
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
}
