import { asRunnerError } from '../../core/errors.ts'
import type { Step } from './step.ts'

/** Repeating it after a kill mends what was half made. A stop cuts it short. */
export const workspace: Step = {
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
}
