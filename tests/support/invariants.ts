import { expect } from 'vitest'
import { leftBehind, lostWork, notToldOnce, stillRunning } from '../../src/cli/chaos/findings.ts'
import type { CrashStage } from './crash-stage.ts'

/**
 * What must hold after any crash and recovery that ended in success, looked at from outside: the tracker's own record, git, the processes
 * of the machine and its files. Nothing of the product's own words is believed. The looking is that of `agent-runner chaos`.
 */
export async function expectDoneOnce(stage: CrashStage, taskId: string): Promise<void> {
  await expectToldOnce(stage, taskId, 'dev_done')
  expectOneAgentAtATime(stage)
  expectNothingLost(stage)
  expectNothingRunning(stage)
  expectNothingLeft(stage)
}

/** The task has this status, nobody holds it, it was moved there once, and there is one note of one run on it. */
export async function expectToldOnce({ board }: CrashStage, taskId: string, status: string): Promise<void> {
  const task = await board.task(taskId)
  expect(notToldOnce(task, [status]), JSON.stringify(task)).toEqual([])
}

/** Each agent, when it started, found none of its forerunners alive. */
function expectOneAgentAtATime({ agent }: CrashStage): void {
  expect(agent.overlaps()).toEqual([])
}

/** Every file that an agent says it has written is in a commit that some ref holds, or still where it was written. */
export function expectNothingLost({ agent, repo }: CrashStage): void {
  expect(lostWork(repo, agent.written())).toEqual([])
}

/** No process carries the tag of any run. */
export function expectNothingRunning({ runs }: CrashStage): void {
  expect(stillRunning(runs())).toEqual([])
}

/** No lock file, no half-written file, no worktree, no lock of git, none of our notes in the repository's git folder. */
export function expectNothingLeft({ home, repo }: CrashStage): void {
  expect(leftBehind(home, repo)).toEqual([])
}
