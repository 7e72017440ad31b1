import { runAttempts } from '../attempts/attempts.ts'
import type { Step } from './step.ts'

/** Supervised attempts until there is an outcome. */
export const agent: Step = {
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
}
