import type { Step } from './step.ts'

/** The hook may refuse the task; then a person or the policy decides. A stop ends it soon. */
export const preHook: Step = {
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
}
