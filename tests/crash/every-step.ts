import { expect } from 'vitest'
import type { CrashStage } from '../support/crash-stage.ts'
import { expectDoneOnce } from '../support/invariants.ts'

/**
 * Kills the runner at a point and starts it again: the task is done once, by one agent that was started once, and its first note stands.
 * Once the lock file is gone the task is over, and the next start finds nothing to do.
 */
export async function expectSurvived(stage: CrashStage, complexity: 'major' | 'minor', point: string): Promise<void> {
  const id = await stage.board.add('Make it so', complexity)
  await stage.killedAt(point)
  await stage.finish(point === 'after:release' ? 14 : 0)
  expect(stage.agent.starts()).toHaveLength(1)
  await expectDoneOnce(stage, id)
}
