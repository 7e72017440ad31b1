import { describe } from 'vitest'
import { claimingPromises } from './tracker-claiming.ts'
import { endingPromises } from './tracker-ending.ts'
import { type TaskDraft, type TrackerFixture, trackerBench } from './tracker-fixture.ts'
import { lookingPromises } from './tracker-looking.ts'
import { mentionPromises } from './tracker-mentions.ts'

export type { TaskDraft, TrackerFixture }

/**
 * What every tracker promises; each tracker's test calls it with itself. `open` gives a fresh tracker that holds exactly
 * these tasks and knows no agent yet.
 */
export function trackerKeepsItsPromises(name: string, open: (tasks: TaskDraft[]) => Promise<TrackerFixture>): void {
  describe(`${name} keeps the promises of a tracker`, () => {
    const bench = trackerBench(open)
    lookingPromises(bench)
    claimingPromises(bench)
    endingPromises(bench)
    mentionPromises(bench)
  })
}
