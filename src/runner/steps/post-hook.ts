import type { Step } from './step.ts'

/** Cannot fail the task. */
export const postHook: Step = {
  always: true,
  async run(task) {
    if (!task.begun('preHook')) return 'not begun'
    const result = await task.hook('post_task')
    return result.ok ? 'ok' : 'failed'
  },
}
